"""What a run tells whoever shows it: plain data, no torch, no terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from morph_cl.results.prequential import Trace
from morph_cl.results.record import ExperienceReport, RunRecord, RunStart


@dataclass(frozen=True)
class OnlineProgress:
    """A look at a run over a test-then-train stream.

    Args:
        seen: samples of the stream that were predicted so far.
        samples: samples of the whole stream.
        accuracy: on the latest of them, each predicted before it was learned; NaN before the first.
        alarms: alarms for drifts so far.
        last_alarm: the sample of the last one; None before the first.
        trace: what was measured so far, and the drifts that have begun: they are for whoever watches, no learner is
            told. One that is still on ends with the samples so far. None where only figures are told.
    """

    seen: int
    samples: int
    accuracy: float
    alarms: int
    last_alarm: int | None
    trace: Trace | None = None


@dataclass(frozen=True)
class Progress:
    """A look at a run in training.

    Args:
        experience: index of the experience in training.
        experiences: how many there are.
        epoch: index of the epoch in this experience.
        epochs: how many there are.
        fraction: of the whole run's training that is done, in [0, 1].
        train_accuracy: running accuracy on recent training batches, before each step; NaN before the first.
        average_accuracy: mean test accuracy over the experiences learned so far; NaN before the first evaluation.
        experts: experts that the strategy has now.
        elapsed: seconds since the run started.
        remaining: estimated seconds to its end; NaN before there is an estimate.
        online: what there is to say of a test-then-train stream; None on any other.
    """

    experience: int
    experiences: int
    epoch: int
    epochs: int
    fraction: float
    train_accuracy: float
    average_accuracy: float
    experts: int
    elapsed: float
    remaining: float
    online: OnlineProgress | None = None


class RunListener:
    """Told what happens in a run; every method does nothing here. Override what you show."""

    def planned(self, names: Sequence[str]) -> None:
        """Several runs will follow one another, of which these are the names, in order; a single run has none."""

    def started(self, start: RunStart) -> None:
        """The run is about to train on its first experience (or to go on from a checkpoint)."""

    def progressed(self, progress: Progress) -> None:
        """Some training iterations are done; called a few times a second at the most."""

    def experience_finished(self, report: ExperienceReport) -> None:
        """An experience was trained on and all were evaluated."""

    def finished(self, record: RunRecord) -> None:
        """The run ended and its record is complete."""

    def warned(self, message: str) -> None:
        """Something went wrong that does not stop the run, such as an observer that failed."""
