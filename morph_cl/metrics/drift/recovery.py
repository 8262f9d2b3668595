"""How deep accuracy falls after a drift, and how soon it is back.

All of it is read off prequential accuracies over whole batches; no window reaches over a drift's start.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from morph_cl.errors import UsageError
from morph_cl.metrics.drift.batches import Batches
from morph_cl.results.prequential import DriftPoint, Trace

_SLACK = 1e-9
"""What rounding may take: 0.8 - 0.1 is a little more than 0.7."""


@dataclass(frozen=True)
class RecoveryRule:
    """What counts as recovered.

    Args:
        window: samples of a window, at least 1; a window takes the fewest batches that hold as many.
        eps: how far below the pre-drift level a window's accuracy may lie, a fraction in [0, 1).
        windows: k, windows in a row that must lie that high, at least 1; they follow each other without overlap.
        reference: samples just before a drift that make the pre-drift level, at least 1.

    Raises:
        UsageError: a value out of range.
    """

    window: int = 100
    eps: float = 0.05
    windows: int = 3
    reference: int = 500

    def __post_init__(self) -> None:
        for name in ("window", "windows", "reference"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name}={getattr(self, name)} is below 1; give a whole number of at least 1.")
        if not 0 <= self.eps < 1:
            raise UsageError(f"eps={self.eps} is not in [0, 1); give a fraction such as 0.05.")


@dataclass(frozen=True)
class Recovery:
    """What a drift did to prequential accuracy.

    Args:
        drift: the drift.
        level: the pre-drift level: accuracy over the latest whole batches before its start that hold at most
            ``reference`` samples (one batch at least), none of them of a blip or from before the end of the previous
            drift. NaN where there is none, as for a drift at sample 0; then all other figures are NaN too.
        samples: recovery time: samples from the drift's end, from which on the new concept is alone, to the end of the
            first batch of at least ``level - eps`` with which k windows in a row of as much begin. The windows confirm
            it and do not count: never below a batch. Where that does not happen before the next drift starts or the
            stream ends: the samples up to there, less than the true time, and ``censored`` is set. NaN where k windows
            do not fit in between.
        censored: whether ``samples`` is only a lower bound.
        maximum_drop: level minus the lowest accuracy of any window between the drift's start and the next one's, 0
            where none lies below the level; NaN where no window fits.
        area_lost: samples wrong beyond the level's share: the sum, over windows that follow each other from the drift's
            start to the next one's, of ``level n - correct`` where positive. The last window may be shorter. A
            gain in one window does not make up for a loss in another. NaN where no whole batch lies in between.
    """

    drift: DriftPoint
    level: float
    samples: float
    censored: bool
    maximum_drop: float
    area_lost: float

    @property
    def measured(self) -> bool:
        """Whether there is a recovery time, censored or not."""
        return not math.isnan(self.samples)


def measure_recoveries(trace: Trace, rule: RecoveryRule | None = None) -> list[Recovery]:
    """Measure what each drift did to prequential accuracy.

    Args:
        trace: a prequential trace.
        rule: what counts as recovered; the default one unless given.

    Returns:
        One entry a drift, in order.
    """
    rule = rule or RecoveryRule()
    batches = Batches(trace)
    calm_since = [0, *(drift.end for drift in trace.drifts)]
    found = []
    for drift, since, end in zip(trace.drifts, calm_since[:-1], trace.segment_ends, strict=True):
        level = _level(trace, batches, batches.within(since, drift.start), rule.reference)
        if math.isnan(level):
            found.append(Recovery(drift, level, math.nan, False, math.nan, math.nan))
            continue
        changed, alone = batches.within(drift.start, end), batches.within(drift.end, end)
        back = _recovered_at(batches, alone, level, rule)
        samples = end - drift.end if back is None else back - drift.end
        fits = _windows_fit(batches, alone, rule)
        found.append(
            Recovery(
                drift=drift,
                level=level,
                samples=float(samples) if fits else math.nan,
                censored=fits and back is None,
                maximum_drop=_maximum_drop(batches, changed, level, rule.window),
                area_lost=_area_lost(batches, changed, level, rule.window),
            )
        )
    return found


def _level(trace: Trace, batches: Batches, before: range, reference: int) -> float:
    """Accuracy over the latest of the given batches, those of blips left out; NaN where there is none."""
    disturbed = {i for blip in trace.blips for i in before if _overlap(batches, i, blip.start, blip.end)}
    samples = correct = 0
    for batch in reversed(before):
        if batch in disturbed:
            continue
        size = batches.samples(batch, batch + 1)
        if samples and samples + size > reference:
            break
        samples += size
        correct += batches.correct(batch, batch + 1)
    return correct / samples if samples else math.nan


def _overlap(batches: Batches, batch: int, start: int, end: int) -> bool:
    """Whether a batch has samples within ``start..end``."""
    return batches.edges[batch] < end and start < batches.edges[batch + 1]


def _windows_fit(batches: Batches, span: range, rule: RecoveryRule) -> bool:
    """Whether k windows in a row fit in the batches."""
    end = span.start
    for _ in range(rule.windows):
        if end >= span.stop:
            return False
        end = batches.window_end(end, rule.window)
    return end <= span.stop


def _recovered_at(batches: Batches, span: range, level: float, rule: RecoveryRule) -> int | None:
    """Where the batch ends with which k windows in a row at the level begin, in samples of the stream."""
    streaks: dict[int, int] = {}  # by first batch: windows in a row, from there on, that are at the level
    for first in reversed(span):
        end = batches.window_end(first, rule.window)
        if end <= span.stop:
            high = batches.accuracy(first, end) >= level - rule.eps - _SLACK
            streaks[first] = 1 + streaks.get(end, 0) if high else 0
    for first in span:
        itself = batches.accuracy(first, first + 1) >= level - rule.eps - _SLACK
        if itself and streaks.get(first, 0) >= rule.windows:
            return batches.edges[first + 1]
    return None


def _maximum_drop(batches: Batches, span: range, level: float, window: int) -> float:
    """Level minus the lowest window, at least 0; NaN where no window fits."""
    windows = [(first, batches.window_end(first, window)) for first in span]
    lowest = min((batches.accuracy(first, end) for first, end in windows if end <= span.stop), default=math.nan)
    return max(level - lowest, 0.0) if not math.isnan(lowest) else math.nan


def _area_lost(batches: Batches, span: range, level: float, window: int) -> float:
    """Wrong samples beyond the level's share, window by window; NaN where there is no batch."""
    if not span:
        return math.nan
    lost, first = 0.0, span.start
    while first < span.stop:
        end = min(batches.window_end(first, window), span.stop)
        lost += max(level * batches.samples(first, end) - batches.correct(first, end), 0.0)
        first = end
    return lost
