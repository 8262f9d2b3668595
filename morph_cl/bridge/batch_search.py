"""The batch size that trains fastest: doubled as long as that pays and memory lasts."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from avalanche.core import SupervisedPlugin

from morph_cl.results.record import BatchTrial

FIRST = 16
LARGEST = 65_536
LEAST_GAIN = 1.1
"""A doubled batch must train so many times as many samples a second."""
_WARM_UP, _STEPS = 3, 10


class _EnoughError(Exception):
    """Ends a training that was only to be timed."""


class _StepClock(SupervisedPlugin):
    """Times steps, then ends the training."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self._started: float | None = None

    def after_training_iteration(self, strategy: Any, **_: Any) -> None:
        """A step is over when the device is done with it."""
        wait_for(strategy.device)
        now = time.perf_counter()
        if self._started is not None:
            self.seconds.append(now - self._started)
        self._started = now
        if len(self.seconds) == _WARM_UP + _STEPS:
            raise _EnoughError


def wait_for(device: torch.device) -> None:
    """Wait until a device has done what it was told.

    Args:
        device: any device; the CPU never lags behind.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def search_batch_size(
    build: Callable[[int], Any], experience: Any, *, measure: Callable[[Any, Any], float] | None = None
) -> list[BatchTrial]:
    """Double the batch until that speeds up by less than a tenth, memory is full or the experience too small.

    Args:
        build: a fresh strategy for a batch size; it is thrown away.
        experience: the training experience to time steps on.
        measure: seconds of a step of a strategy on an experience; None takes the median of ten.

    Returns:
        What was tried, in order, with samples a second. The best of them is the size to take; at least one.

    Raises:
        RuntimeError: not even the first batch can be trained on.
    """
    measure = measure or step_seconds
    trials: list[BatchTrial] = []
    size = min(FIRST, len(experience.dataset))
    while size <= min(len(experience.dataset), LARGEST):
        try:
            seconds = measure(build(size), experience)
        except RuntimeError as error:
            if not trials or not _out_of_memory(error):
                raise
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            break
        before = best_trial(trials).samples_per_second if trials else 0.0
        trials.append(BatchTrial(batch_size=size, samples_per_second=size / seconds))
        if trials[-1].samples_per_second < LEAST_GAIN * before:
            break
        size *= 2
    return trials


def best_trial(trials: list[BatchTrial]) -> BatchTrial:
    """The largest batch that sped up by a tenth or more.

    Args:
        trials: what :func:`search_batch_size` returned.
    """
    best = trials[0]
    for trial in trials[1:]:
        if trial.samples_per_second >= LEAST_GAIN * best.samples_per_second:
            best = trial
    return best


def step_seconds(strategy: Any, experience: Any) -> float:
    """Median time of a training step, after a few to warm up.

    Args:
        strategy: any Avalanche strategy; it is of no use afterwards.
        experience: what to train on, over and over where it has few batches.
    """
    clock = _StepClock()
    strategy.plugins.append(clock)
    samples = strategy.train_mb_size * (_WARM_UP + _STEPS + 1)
    strategy.train_epochs = max(strategy.train_epochs, -(-samples // len(experience.dataset)))
    started = time.perf_counter()
    with contextlib.suppress(_EnoughError):
        strategy.train(experience, eval_streams=[])
    timed = clock.seconds[_WARM_UP:] or clock.seconds
    return statistics.median(timed) if timed else time.perf_counter() - started


def _out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
