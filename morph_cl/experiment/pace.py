"""Progress of a run, told a few times a second."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from morph_cl.experiment.ledger import Ledger
from morph_cl.experiment.listener import OnlineProgress, Progress, RunListener

_INTERVAL = 0.1  # seconds between two reports


class Pace:
    """Turns training steps into progress reports.

    Args:
        listener: whom to tell.
        ledger: where the last row of accuracies stands.
        experiences: how many experiences the run has.
        epochs: passes over each.
        done: how many are behind a run that goes on.

    Attributes:
        strategy: the learner, to be set before the first step.
        look: what there is to say of a test-then-train stream; nothing of any other.
    """

    def __init__(self, listener: RunListener, ledger: Ledger, experiences: int, epochs: int, done: int) -> None:
        self.listener = listener
        self.ledger = ledger
        self.experiences = experiences
        self.epochs = epochs
        self.strategy: Any = None
        self.look: Callable[[], OnlineProgress | None] = lambda: None
        self._started = time.perf_counter()
        self._told = 0.0
        self._base = done

    def step(self, train_accuracy: Callable[[], float]) -> None:
        """Tell of a training step, unless the last report is too recent.

        Args:
            train_accuracy: tells the running accuracy on recent training batches.
        """
        now = time.perf_counter()
        if now - self._told < _INTERVAL:
            return
        self._told = now
        clock = self.strategy.clock
        steps = max(1, len(self.strategy.dataloader))
        epoch = min(clock.train_exp_epochs, self.epochs - 1)
        within = min(1.0, (epoch + clock.train_epoch_iterations / steps) / self.epochs)
        number = clock.train_exp_counter
        fraction = (number + within) / self.experiences
        elapsed = now - self._started
        here = fraction - self._base / self.experiences  # a resumed run starts in the midst
        self.listener.progressed(
            Progress(
                experience=number,
                experiences=self.experiences,
                epoch=epoch,
                epochs=self.epochs,
                fraction=fraction,
                train_accuracy=train_accuracy(),
                average_accuracy=self._average(),
                experts=getattr(self.strategy, "expert_count", 1),
                elapsed=elapsed,
                remaining=elapsed / here * (1 - fraction) if here > 0 else math.nan,
                online=self.look(),
            )
        )

    def _average(self) -> float:
        """Mean accuracy over the experiences learned so far."""
        learned = len(self.ledger.matrix)
        return sum(self.ledger.matrix[-1][:learned]) / learned if learned else math.nan
