"""What a test-then-train run puts on record."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any, TypeVar

from morph_cl.bridge.online import OnlineStream
from morph_cl.bridge.prequential import Counts
from morph_cl.experiment.listener import OnlineProgress
from morph_cl.results.positions import ALARM, GROWTH, positions_of
from morph_cl.results.prequential import Blip, DriftPoint, HeldOutPoint, Trace
from morph_cl.results.record import CurvePoint, Event

Noted = TypeVar("Noted", Event, CurvePoint)
Span = TypeVar("Span", DriftPoint, Blip)

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
    return trace.model_copy(update=_positions(trace.edges, events))


def trace_so_far(stream: OnlineStream, counts: Counts, events: Sequence[Event]) -> Trace:
    """The trace of a stream that is still running.

    Args:
        stream: the samples and their drifts.
        counts: sizes and right predictions of the batches so far, at least one.
        events: what the strategy did so far.

    Returns:
        The trace, its lists copied. Of the drifts and blips it holds those that have begun; one that is still on ends
        with the samples so far.
    """
    edges = [*accumulate(counts.sizes, initial=0)]
    parts: dict[str, Any] = {
        "batch_sizes": list(counts.sizes),
        "correct": list(counts.correct),
        "drifts": _begun(stream.drifts, edges[-1]),
        "blips": _begun(stream.blips, edges[-1]),
    }
    # Looked at several times a second: what is put together here needs no check.
    return Trace(batch_sizes=[], correct=[]).model_copy(update={**parts, **_positions(edges, events)})


def _positions(edges: Sequence[int], events: Iterable[Event]) -> dict[str, list[int]]:
    """Where alarms and growths stand."""
    return {"alarms": positions_of({ALARM}, events, edges), "growths": positions_of({GROWTH}, events, edges)}


def _begun(spans: Iterable[Span], samples: int) -> list[Span]:
    """What has begun by now, its end cut off at the samples so far."""
    return [
        span if span.end <= samples else span.model_copy(update={"end": samples})
        for span in spans
        if span.start < samples
    ]


def as_one_experience(noted: Sequence[Noted]) -> list[Noted]:
    """Count all as of experience 0: those that a learner is told of on such a stream mean nothing to a reader.

    Args:
        noted: events or points of a curve.
    """
    return [part.model_copy(update={"experience": 0}) for part in noted]


def look_online(stream: OnlineStream, counts: Counts, events: Sequence[Event]) -> OnlineProgress:
    """Where a test-then-train run stands, for whoever watches; nothing of it changes.

    Args:
        stream: the samples and their drifts.
        counts: sizes and right predictions of the batches so far, at least one.
        events: what the strategy and the monitor of drifts did so far.
    """
    size = right = 0
    for samples, correct in zip(reversed(counts.sizes), reversed(counts.correct), strict=True):
        size, right = size + samples, right + correct
        if size >= _WINDOW:
            break
    alarms = [event for event in events if event.kind == ALARM]
    return OnlineProgress(
        seen=sum(counts.sizes),
        samples=len(stream),
        accuracy=right / size if size else math.nan,
        alarms=len(alarms),
        last_alarm=alarms[-1].detail.get("position") if alarms else None,
        trace=trace_so_far(stream, counts, events),
    )
