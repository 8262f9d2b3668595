"""Every measure of one drifting run by name, for tables and files."""

from __future__ import annotations

import math
from collections.abc import Sequence

from morph_cl.metrics.drift.detection import Detection, judge_alarms
from morph_cl.metrics.drift.prequential import cumulative_accuracy, fading_accuracy, windowed_accuracy
from morph_cl.metrics.drift.recovery import Recovery, RecoveryRule, measure_recoveries
from morph_cl.metrics.drift.stability import min_held_out_accuracy, stability_gap, worst_case_held_out_accuracy
from morph_cl.results.prequential import Trace

TOLERANCE = 500
"""Samples after the end of a drift in which an alarm still counts for it, unless another number is given."""

FADING = 0.999
"""Factor of the fading accuracy, unless another is given."""


def drift_figures(
    trace: Trace, rule: RecoveryRule | None = None, tolerance: int = TOLERANCE, fading: float = FADING
) -> dict[str, float]:
    """Compute every measure of a drifting run.

    Args:
        trace: a prequential trace.
        rule: what counts as recovered, and the window of the windowed accuracy; the default one unless given.
        tolerance: samples after the end of a drift in which an alarm still counts for it, at least 1.
        fading: factor of the fading accuracy, in (0, 1].

    Returns:
        Figures by name, NaN where undefined. Level, recovery time, drop and area are means over the drifts that have
        them, censored recoveries counted with their lower bound; ``recovery_censored`` is the share of those.

    Raises:
        UsageError: a tolerance or factor out of range.
    """
    rule = rule or RecoveryRule()
    return {
        **accuracy_figures(trace, rule.window, fading),
        **detection_figures(judge_alarms(trace, tolerance)),
        **recovery_figures(measure_recoveries(trace, rule)),
        **stability_figures(trace),
    }


def accuracy_figures(trace: Trace, window: int = RecoveryRule.window, fading: float = FADING) -> dict[str, float]:
    """Where the prequential curves end.

    Args:
        trace: a prequential trace.
        window: samples of the windowed accuracy, at least 1.
        fading: factor of the fading accuracy, in (0, 1].

    Returns:
        Fractions by name, NaN of an empty stream.
    """
    return {
        "prequential_accuracy": _last(cumulative_accuracy(trace)),
        "windowed_accuracy": _last(windowed_accuracy(trace, window)),
        "fading_accuracy": _last(fading_accuracy(trace, fading)),
    }


def detection_figures(detection: Detection) -> dict[str, float]:
    """How well alarms answered drifts.

    Args:
        detection: the judged alarms.

    Returns:
        Figures by name, NaN where undefined.
    """
    return {
        "detection_delay": detection.mean_delay,
        "normalised_detection_delay": detection.normalised_delay,
        "missed_detection_rate": detection.missed_rate,
        "false_alarms_per_1000": detection.false_alarms_per_1000,
        "mean_time_between_false_alarms": detection.mean_time_between_false_alarms,
        "mean_time_ratio": detection.mean_time_ratio,
        "detection_f1": detection.f1,
    }


def recovery_figures(recoveries: Sequence[Recovery]) -> dict[str, float]:
    """How deep accuracy fell and how soon it was back, means over the drifts.

    Args:
        recoveries: one a drift.

    Returns:
        Figures by name, NaN where no drift has them.
    """
    timed = [recovery for recovery in recoveries if recovery.measured]
    return {
        "level_before_drift": _mean_measured([recovery.level for recovery in recoveries]),
        "recovery_samples": _mean_measured([recovery.samples for recovery in recoveries]),
        "recovery_censored": _mean_measured([float(recovery.censored) for recovery in timed]),
        "maximum_drop": _mean_measured([recovery.maximum_drop for recovery in recoveries]),
        "area_lost": _mean_measured([recovery.area_lost for recovery in recoveries]),
    }


def stability_figures(trace: Trace) -> dict[str, float]:
    """What became of old concepts while new ones were learned.

    Args:
        trace: a prequential trace with held-out accuracies.

    Returns:
        Fractions by name, NaN without such accuracies.
    """
    return {
        "stability_gap": stability_gap(trace),
        "min_held_out_accuracy": min_held_out_accuracy(trace),
        "worst_case_held_out_accuracy": worst_case_held_out_accuracy(trace),
    }


def _last(curve: list[float]) -> float:
    """Where a curve ends; NaN of an empty stream."""
    return curve[-1] if curve else math.nan


def _mean_measured(values: list[float]) -> float:
    """The mean of what was measured; NaN where nothing was."""
    measured = [value for value in values if not math.isnan(value)]
    return math.fsum(measured) / len(measured) if measured else math.nan
