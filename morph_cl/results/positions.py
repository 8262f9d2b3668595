"""Where on a test-then-train stream the events of a run stand."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Sequence

from morph_cl.results.record import Event

ALARM = "drift"
GROWTH = "growth"
REUSE = "reuse"
FOLLOW = "follow"
"""Kinds of events by which a learner shows that it noticed a drift: a detector's alarm, an expert grown, a known expert
that is trained again, one that follows slow change."""


def positions_of(kinds: Collection[str], events: Iterable[Event], edges: Sequence[int]) -> list[int]:
    """Where events stand: at the last sample of the batch that their ``position`` or else their iteration lies in.

    Args:
        kinds: the kinds of events that are wanted.
        events: what a strategy did.
        edges: (batches + 1,) where batches begin, at least one batch; the last entry is the number of samples.

    Returns:
        Samples, from 0, in the order of the events.
    """
    batches = len(edges) - 1

    def position(event: Event) -> int:
        sample = event.detail.get("position")
        batch = event.iteration if sample is None else bisect_right(edges, sample) - 1
        return edges[min(batch, batches - 1) + 1] - 1

    return [position(event) for event in events if event.kind in kinds]
