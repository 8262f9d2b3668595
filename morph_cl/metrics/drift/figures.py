"""Every measure of one drifting run by name, for tables and files."""

from __future__ import annotations

import math

from morph_cl.metrics.drift.detection import judge_alarms
from morph_cl.metrics.drift.prequential import cumulative_accuracy, fading_accuracy, windowed_accuracy
from morph_cl.metrics.drift.recovery import RecoveryRule, measure_recoveries
from morph_cl.metrics.drift.stability import min_held_out_accuracy, stability_gap, worst_case_held_out_accuracy
from morph_cl.results.prequential import Trace

TOLERANCE = 500
"""Samples after the end of a drift in which an alarm still counts for it, unless another number is given."""


def drift_figures(
    trace: Trace, rule: RecoveryRule | None = None, tolerance: int = TOLERANCE, fading: float = 0.999
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
    detection = judge_alarms(trace, tolerance)
    recoveries = measure_recoveries(trace, rule)
    timed = [recovery for recovery in recoveries if recovery.measured]
    return {
        "prequential_accuracy": _last(cumulative_accuracy(trace)),
        "windowed_accuracy": _last(windowed_accuracy(trace, rule.window)),
        "fading_accuracy": _last(fading_accuracy(trace, fading)),
        "detection_delay": detection.mean_delay,
        "normalised_detection_delay": detection.normalised_delay,
        "missed_detection_rate": detection.missed_rate,
        "false_alarms_per_1000": detection.false_alarms_per_1000,
        "mean_time_between_false_alarms": detection.mean_time_between_false_alarms,
        "mean_time_ratio": detection.mean_time_ratio,
        "detection_f1": detection.f1,
        "level_before_drift": _mean_measured([recovery.level for recovery in recoveries]),
        "recovery_samples": _mean_measured([recovery.samples for recovery in recoveries]),
        "recovery_censored": _mean_measured([float(recovery.censored) for recovery in timed]),
        "maximum_drop": _mean_measured([recovery.maximum_drop for recovery in recoveries]),
        "area_lost": _mean_measured([recovery.area_lost for recovery in recoveries]),
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
