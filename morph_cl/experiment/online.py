"""What a test-then-train run puts on record."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any, TypeVar

from morph_cl.bridge.online import OnlineStream
from morph_cl.bridge.prequential import Counts, PrequentialTest
from morph_cl.experiment.listener import OnlineProgress
from morph_cl.results.prequential import HeldOutPoint, Trace
from morph_cl.results.record import CurvePoint, Event

Noted = TypeVar("Noted", Event, CurvePoint)

ALARM = "drift"
GROWTH = "growth"
"""Kinds of events that stand in a trace."""

_WINDOW = 100
"""Samples of the accuracy that is shown while a stream runs."""


def make_trace(stream: OnlineStream, counts: Counts, events: Sequence[Event]) -> Trace:
    """Put what was measured beside what is known.

    Args:
        stream: the samples and their drifts.
        counts: sizes and right predictions of the batches, and the looks at held-out data.
        events: what the strategy did; an event stands at the end of the batch that its ``position`` (a sample) or
            else its iteration lies in.

    Returns:
        The trace.
    """
    trace = Trace(
        batch_sizes=counts.sizes,
        correct=counts.correct,
        drifts=list(stream.drifts),
        blips=list(stream.blips),
        concepts=[] if stream.held_out is None else list(stream.held_out.concepts),
        held_out=[
            HeldOutPoint(samples=samples, accuracies=accuracies)
            for samples, accuracies in zip(counts.looked_at, counts.held_out, strict=True)
        ],
    )
    edges = trace.edges

    def position(event: Event) -> int:
        sample = event.detail.get("position")
        batch = event.iteration if sample is None else bisect_right(edges, sample) - 1
        return edges[min(batch, len(counts.sizes) - 1) + 1] - 1

    return trace.model_copy(
        update={
            "alarms": [position(event) for event in events if event.kind == ALARM],
            "growths": [position(event) for event in events if event.kind == GROWTH],
        }
    )


def as_one_experience(noted: Sequence[Noted]) -> list[Noted]:
    """Count all as of experience 0: those that a learner is told of on such a stream mean nothing to a reader.

    Args:
        noted: events or points of a curve.
    """
    return [part.model_copy(update={"experience": 0}) for part in noted]


def look_online(strategy: Any, events: Sequence[Event] = ()) -> OnlineProgress | None:
    """Where a test-then-train run stands, for whoever watches; nothing of it changes.

    Args:
        strategy: the learner, in the midst of training; among its plugins the test and whatever keeps its alarms in
            ``events`` until the run drains them.
        events: what the run has drained so far.

    Returns:
        The look, None where no test is among the plugins: the stream is not test-then-train.
    """
    test = next((plugin for plugin in strategy.plugins if isinstance(plugin, PrequentialTest)), None)
    if test is None:
        return None
    size = right = 0
    for samples, correct in zip(reversed(test.counts.sizes), reversed(test.counts.correct), strict=True):
        size, right = size + samples, right + correct
        if size >= _WINDOW:
            break
    pending = [event for plugin in strategy.plugins for event in getattr(plugin, "events", ())]
    alarms = [event for event in (*events, *pending) if event.kind == ALARM]
    return OnlineProgress(
        seen=test.gate.released,
        samples=test.gate.samples,
        accuracy=right / size if size else math.nan,
        alarms=len(alarms),
        last_alarm=alarms[-1].detail.get("position") if alarms else None,
    )
