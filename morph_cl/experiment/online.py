"""What a test-then-train run puts on record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from morph_cl.bridge.online import OnlineStream
from morph_cl.bridge.prequential import PrequentialTest
from morph_cl.results.prequential import Trace
from morph_cl.results.record import CurvePoint, Event

Noted = TypeVar("Noted", Event, CurvePoint)

ALARM = "alarm"
GROWTH = "growth"
"""Kinds of events that stand in a trace."""


def make_trace(stream: OnlineStream, test: PrequentialTest, events: Sequence[Event]) -> Trace:
    """Put what was measured beside what is known.

    Args:
        stream: the samples and their drifts.
        test: sizes and right predictions of the batches.
        events: what the strategy did, by training iterations.

    Returns:
        The trace.
    """
    trace = Trace(batch_sizes=test.sizes, correct=test.correct, drifts=list(stream.drifts), blips=list(stream.blips))
    edges = trace.edges

    def positions(kind: str) -> list[int]:
        # An event of iteration n happens on batch n, whose last sample has then been seen.
        return [edges[min(event.iteration + 1, len(test.sizes))] - 1 for event in events if event.kind == kind]

    return trace.model_copy(update={"alarms": positions(ALARM), "growths": positions(GROWTH)})


def as_one_experience(noted: Sequence[Noted]) -> list[Noted]:
    """Count all as of experience 0: those that a learner is told of on such a stream mean nothing to a reader.

    Args:
        noted: events or points of a curve.
    """
    return [part.model_copy(update={"experience": 0}) for part in noted]
