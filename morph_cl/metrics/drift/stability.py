"""What learning a new concept does to the old ones, from accuracies on held-out data in mid-stream.

Segments are what lies between the starts of drifts; ``trace.concepts`` names the concept of each. Looks at the
boundaries of segments alone miss what falls and comes back in between, so the figures are as fine as ``held_out`` is.

One rule for NaN, that of the accuracy matrix: a mean that needs what was not measured is NaN. Every figure is NaN
where there are no held-out accuracies.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from morph_cl.results.prequential import Trace


def stability_gap(trace: Trace) -> float:
    """How deep old concepts fall while a new one is learned, and come back: what boundaries do not show.

    For each drift and each concept that was learned before it and is not the one that starts with it: the lower one of
    its accuracy at the last look before the new concept and at the last look of the segment, minus the lowest
    accuracy within the segment; at least 0. What does not come back is forgetting and not part of the gap.

    Args:
        trace: a prequential trace with held-out accuracies.

    Returns:
        The mean over drifts and old concepts, a fraction in [0, 1], less is better; NaN where there is no old concept.

    Source:
        De Lange, van de Ven and Tuytelaars, Continual evaluation for lifelong learning: Identifying the stability gap,
        ICLR 2023, who show the gap and measure it by its minimum.
    """
    gaps = []
    learned: list[int] = []
    for concept, start, end in _segments(trace):
        for old in learned:
            if old != concept:
                gaps.append(_gap(_looks(trace, old, -1, start), _looks(trace, old, start, end)))
        if concept not in learned:
            learned.append(concept)
    return _mean(gaps)


def min_held_out_accuracy(trace: Trace) -> float:
    """Min-ACC, the worst moment of each old concept: the mean of their lowest accuracies since they were learned.

    A concept counts as learned when its first segment is over; the concept of the last segment is not old.

    Args:
        trace: a prequential trace with held-out accuracies.

    Returns:
        A fraction in [0, 1]; NaN where there is no old concept.

    Source:
        De Lange, van de Ven and Tuytelaars, Continual evaluation for lifelong learning: Identifying the stability gap,
        ICLR 2023.
    """
    learned_at: dict[int, int] = {}
    last = -1
    for concept, _, end in _segments(trace):
        learned_at.setdefault(concept, end)
        last = concept
    return _mean(
        min(_looks(trace, concept, end, trace.samples), default=math.nan)
        for concept, end in learned_at.items()
        if concept != last
    )


def worst_case_held_out_accuracy(trace: Trace) -> float:
    """WC-ACC, the newest concept and the worst moments of the old: ``A / k + (1 - 1/k) Min-ACC``.

    A is the accuracy on the last segment's concept at the last look, k the number of concepts met.

    Args:
        trace: a prequential trace with held-out accuracies.

    Returns:
        A fraction in [0, 1]; A where one concept was met.

    Source:
        De Lange, van de Ven and Tuytelaars, Continual evaluation for lifelong learning: Identifying the stability gap,
        ICLR 2023.
    """
    segments = _segments(trace)
    if not segments:
        return math.nan
    newest = trace.held_out[-1].accuracies[segments[-1][0]]
    count = len({concept for concept, _, _ in segments})
    return newest if count == 1 else newest / count + (1 - 1 / count) * min_held_out_accuracy(trace)


def _segments(trace: Trace) -> list[tuple[int, int, int]]:
    """Concept, start and end of each segment that has samples; none without held-out accuracies."""
    if not trace.held_out:
        return []
    starts = [0, *(drift.start for drift in trace.drifts)]
    spans = zip(trace.concepts, starts, [*starts[1:], trace.samples], strict=True)
    return [(concept, start, end) for concept, start, end in spans if start < end]


def _looks(trace: Trace, concept: int, after: int, until: int) -> list[float]:
    """What was measured on a concept after more than ``after`` and at most ``until`` samples, in order."""
    points = [point.accuracies[concept] for point in trace.held_out if after < point.samples <= until]
    return [accuracy for accuracy in points if not math.isnan(accuracy)]


def _gap(before: list[float], during: list[float]) -> float:
    """What fell and came back; NaN where there was no look before or within the segment."""
    if not before or not during:
        return math.nan
    return max(min(before[-1], during[-1]) - min(during), 0.0)


def _mean(values: Iterable[float]) -> float:
    """The mean; NaN where there is nothing to average or one of the values is NaN."""
    terms = list(values)
    return math.fsum(terms) / len(terms) if terms else math.nan
