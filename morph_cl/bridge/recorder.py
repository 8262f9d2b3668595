"""The recorder: an Avalanche plugin that measures, and changes nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from avalanche.core import SupervisedPlugin
from torch import Tensor

from morph_cl.bridge.expert_window import ExpertWindow
from morph_cl.results.record import CalibrationBin, CurvePoint

_BINS = 15
_NOTHING = -80.0  # exp of less takes a CPU thirty times as long, and beside 1 it is nothing


class Recorder(SupervisedPlugin):
    """Counts correct answers in training and evaluation.

    It stands last among the plugins of a strategy and reads ``mb_output`` and ``mb_y``: labels reach it, never the
    model.

    Args:
        points: how many points of the training curve to keep for each experience.
        on_step: called after each training iteration with what tells the share of correct answers since the last
            point: to ask makes the program wait for the device.

    Attributes:
        curve: the points of the training curve so far.
        samples: training samples of the stream seen so far.
        diverged: whether an evaluation met outputs that are not finite.
    """

    stateless = True

    def __init__(self, points: int = 20, on_step: Callable[[Callable[[], float]], None] | None = None) -> None:
        super().__init__()
        self.points = points
        self.on_step = on_step
        self.curve: list[CurvePoint] = []
        self.samples = 0
        self.diverged = False
        self._row: list[float] = []
        self._answers: list[tuple[Tensor, Tensor]] = []
        self._calibration = torch.zeros(_BINS, 3, dtype=torch.float64)
        self._window_correct: Tensor | int = 0  # stays on the device until somebody asks
        self._window_seen = 0
        self._window_weights = ExpertWindow()
        self._steps = self._stride = 1

    # --- training --------------------------------------------------------------------------------------------------

    def before_training_exp(self, strategy: Any, **_: Any) -> None:
        """Spread the points of the curve over the experience."""
        self._steps = max(1, len(strategy.dataloader) * strategy.train_epochs)
        self._stride = max(1, math.ceil(self._steps / self.points))
        self._window_correct = self._window_seen = 0
        self._window_weights = ExpertWindow()

    def after_training_iteration(self, strategy: Any, **_: Any) -> None:
        """Count the answers that the step was computed from."""
        size = min(len(strategy.mb_y), strategy.train_mb_size)  # what replay appended stands behind
        self.samples += size
        answers = strategy.mb_output[:size].argmax(1)
        self._window_correct = self._window_correct + (answers == strategy.mb_y[:size]).sum()
        self._window_seen += size
        self._window_weights.add(strategy)
        if self.on_step is not None:
            self.on_step(self.running_accuracy)
        done = strategy.clock.train_exp_iterations  # the clock stands before the recorder: this step is counted
        if done % self._stride == 0 or done == self._steps:
            names, weights = self._window_weights.close()
            self.curve.append(
                CurvePoint(
                    experience=strategy.clock.train_exp_counter,
                    samples=self.samples,
                    train_accuracy=self.running_accuracy(),
                    expert_names=names,
                    expert_weights=weights,
                )
            )
            self._window_correct = self._window_seen = 0

    def running_accuracy(self) -> float:
        """Share of correct answers since the last point of the curve; NaN before the first step after it."""
        return int(self._window_correct) / self._window_seen if self._window_seen else math.nan

    # --- evaluation ------------------------------------------------------------------------------------------------

    def evaluate(self, strategy: Any, experiences: Any) -> list[float]:
        """Run the strategy's own evaluation.

        Args:
            strategy: the strategy that this recorder is attached to.
            experiences: a stream of experiences.

        Returns:
            The accuracy on each, in order.
        """
        self._row = []
        self._calibration.zero_()
        strategy.eval(experiences)
        return list(self._row)

    def calibration(self) -> list[CalibrationBin]:
        """The confidence bins of the last evaluation, empty ones left out."""
        bins = []
        for count, confidence, correct in self._calibration.tolist():
            if count:
                bins.append(CalibrationBin(count=int(count), confidence=confidence / count, accuracy=correct / count))
        return bins

    def before_eval_exp(self, strategy: Any, **_: Any) -> None:  # noqa: ARG002
        """Start a count."""
        self._answers = []

    def after_eval_iteration(self, strategy: Any, **_: Any) -> None:
        """Keep the answers of one batch where they are: to look at them now would make the program wait."""
        confidence, answer = _most_likely(strategy.mb_output.detach().float())
        self._answers.append((confidence, answer == strategy.mb_y))

    def after_eval_exp(self, strategy: Any, **_: Any) -> None:  # noqa: ARG002
        """Close a count."""
        if not self._answers:
            self._row.append(math.nan)
            return
        confidence, correct = (torch.cat(parts).cpu().double() for parts in zip(*self._answers, strict=True))
        self._answers = []
        self._row.append(int(correct.sum()) / len(correct))
        self._bin(confidence, correct)

    def _bin(self, confidence: Tensor, correct: Tensor) -> None:
        """Add answers (N,) to the bins of their confidence."""
        self.diverged = self.diverged or not bool(confidence.isfinite().all())
        confidence = confidence.nan_to_num(0.0)
        number = (confidence * _BINS).long().clamp_(max=_BINS - 1)
        self._calibration.index_add_(0, number, torch.stack([torch.ones_like(confidence), confidence, correct], 1))


def _most_likely(logits: Tensor) -> tuple[Tensor, Tensor]:
    """The greatest probability (B,) of each row of logits (B, classes), and the class that has it.

    That is the maximum of ``softmax``, which takes several times as long along few columns.
    """
    best, answer = logits.max(1)
    odds = (logits - best.unsqueeze(1)).clamp_min_(_NOTHING).exp_()  # of each class against the best
    return odds.sum(1).reciprocal_(), answer
