"""What a run has measured so far; part of its checkpoints."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from morph_cl.bridge.prequential import Counts
from morph_cl.results.record import BatchTrial, CurvePoint, Event, ExperienceReport


@dataclass
class Ledger:
    """The figures of a run in progress.

    Args:
        initial: test accuracy of the untrained model on each experience.
        matrix: a row of test accuracies after each experience so far.
        validation: the same on the validation stream, empty where there is none.
        experts: experts after each experience.
        events: what the strategy did.
        curve: training accuracy as training went on.
        train_seconds: time in training on each experience.
        eval_seconds: time in evaluation, all in all.
        bytes_held: bytes that the strategy held after each experience.
        samples: training samples of the stream seen.
        counts: of a test-then-train stream, what was predicted right.
        part_seconds: time in training on an experience that is not over yet.
        batch_search: what the search for a batch size tried.
    """

    initial: list[float] = field(default_factory=list)
    matrix: list[list[float]] = field(default_factory=list)
    validation: list[list[float]] = field(default_factory=list)
    experts: list[int] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    curve: list[CurvePoint] = field(default_factory=list)
    train_seconds: list[float] = field(default_factory=list)
    eval_seconds: float = 0.0
    bytes_held: list[int] = field(default_factory=list)
    samples: int = 0
    counts: Counts = field(default_factory=Counts)
    part_seconds: float = 0.0
    batch_search: list[BatchTrial] = field(default_factory=list)

    def report(self, events: list[Event]) -> ExperienceReport:
        """What observers are told of the last experience.

        Args:
            events: those since the last report.
        """
        return ExperienceReport(
            experience=len(self.matrix) - 1,
            row=self.matrix[-1],
            experts=self.experts[-1],
            events=events,
            train_seconds=self.train_seconds[-1],
            eval_seconds=self.eval_seconds,
            total_bytes=self.bytes_held[-1],
        )

    def to_tree(self) -> dict[str, Any]:
        """The ledger as a tree of plain values."""
        tree = dict(vars(self))
        tree["events"] = [event.model_dump() for event in self.events]
        tree["curve"] = [point.model_dump() for point in self.curve]
        tree["batch_search"] = [trial.model_dump() for trial in self.batch_search]
        tree["counts"] = asdict(self.counts)
        return tree

    @classmethod
    def from_tree(cls, tree: dict[str, Any]) -> Ledger:
        """The inverse of :meth:`to_tree`.

        Args:
            tree: what it returned.
        """
        events = [Event(**event) for event in tree["events"]]
        curve = [CurvePoint(**point) for point in tree["curve"]]
        counts = Counts(**tree.get("counts", {}))
        search = [BatchTrial(**trial) for trial in tree.get("batch_search", [])]
        return cls(**{**tree, "events": events, "curve": curve, "counts": counts, "batch_search": search})
