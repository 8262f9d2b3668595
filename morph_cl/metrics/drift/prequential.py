"""Prequential accuracy: of predictions for batches that were not learned yet.

Each curve has one point a batch, right after that batch was predicted; ``trace.edges[1:]`` are their positions.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable

from morph_cl.errors import UsageError
from morph_cl.metrics.drift.batches import Batches
from morph_cl.results.prequential import Trace


def cumulative_accuracy(trace: Trace) -> list[float]:
    """Accuracy over all samples so far: right predictions by samples.

    Args:
        trace: a prequential trace.

    Returns:
        (batches,) fractions; the last one is the prequential accuracy of the run.

    Source:
        Dawid, Statistical Theory: The Prequential Approach, JRSS A 1984; Gama, Sebastiao and Rodrigues, On Evaluating
        Stream Learning Algorithms, Machine Learning 2013.
    """
    batches = Batches(trace)
    return [batches.accuracy(0, end) for end in range(1, len(trace.batch_sizes) + 1)]


def windowed_accuracy(trace: Trace, window: int = 100) -> list[float]:
    """Accuracy over the latest samples: the fewest latest batches that hold at least a window of them.

    Args:
        trace: a prequential trace.
        window: samples, at least 1. With fewer samples so far, all of them count.

    Returns:
        (batches,) fractions.

    Raises:
        UsageError: a window below 1.

    Source:
        Gama, Sebastiao and Rodrigues, On Evaluating Stream Learning Algorithms, Machine Learning 2013.
    """
    return windowed_accuracy_at(trace, window, range(1, len(trace.batch_sizes) + 1))


def windowed_accuracy_at(trace: Trace, window: int, batches_seen: Iterable[int]) -> list[float]:
    """The same at some points of the curve alone.

    Args:
        trace: a prequential trace.
        window: samples, at least 1. With fewer samples so far, all of them count.
        batches_seen: the points: how many batches were predicted by then.

    Returns:
        A fraction for each; NaN before the first batch.

    Raises:
        UsageError: a window below 1.
    """
    if window < 1:
        raise UsageError(f"window={window} holds no sample; give at least 1.")
    batches = Batches(trace)
    edges = batches.edges

    def accuracy(end: int) -> float:
        return batches.accuracy(max(bisect_right(edges, edges[end] - window) - 1, 0), end) if end else math.nan

    return [accuracy(end) for end in batches_seen]


def fading_accuracy(trace: Trace, fading: float = 0.999) -> list[float]:
    """Accuracy in which a sample counts less with each one after it.

    ``S_n / B_n`` with ``S_n = correct_n + fading S_(n-1)`` and ``B_n = 1 + fading B_(n-1)``, sample by sample. Samples
    of one batch have no order among them: each counts as the batch's mean.

    Args:
        trace: a prequential trace.
        fading: in (0, 1]; 1 forgets nothing and gives the cumulative accuracy.

    Returns:
        (batches,) fractions.

    Raises:
        UsageError: a factor outside (0, 1].

    Source:
        Gama, Sebastiao and Rodrigues, On Evaluating Stream Learning Algorithms, Machine Learning 2013.
    """
    if not 0 < fading <= 1:
        raise UsageError(f"fading={fading} is not in (0, 1]; give a factor such as 0.999.")
    curve: list[float] = []
    right = weight = 0.0
    for size, correct in zip(trace.batch_sizes, trace.correct, strict=True):
        kept = fading**size
        gained = float(size) if fading == 1 else math.expm1(size * math.log(fading)) / (fading - 1)
        right = kept * right + gained * correct / size
        weight = kept * weight + gained
        curve.append(right / weight)
    return curve
