"""The measures of drifting runs as records: listed, computed and stored as every other metric."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from morph_cl.metrics.drift.detection import judge_alarms
from morph_cl.metrics.drift.figures import (
    TOLERANCE,
    accuracy_figures,
    detection_figures,
    recovery_figures,
    stability_figures,
)
from morph_cl.metrics.drift.recovery import measure_recoveries
from morph_cl.results.prequential import Trace
from morph_cl.specs import MetricSpec

_GAMA = "Gama, Sebastiao and Rodrigues, Machine Learning 2013, https://doi.org/10.1007/s10994-012-5320-9"
_BIFET = "Bifet et al., CD-MOA: Change Detection Framework for Massive Online Analysis, IDA 2013"
_STABILITY = "De Lange et al., ICLR 2023, https://arxiv.org/abs/2205.13452"

_Figures = Callable[[Trace], dict[str, float]]


def _of_alarms(trace: Trace) -> dict[str, float]:
    return detection_figures(judge_alarms(trace, TOLERANCE))


def _of_recoveries(trace: Trace) -> dict[str, float]:
    return recovery_figures(measure_recoveries(trace))


def drift_metrics() -> Iterator[MetricSpec]:
    """A record for each measure of a drifting run, with the default rule of recovery and tolerance of alarms."""
    yield from _accuracies()
    yield from _alarms()
    yield from _recoveries()
    yield from _stability()


def _metric(
    name: str, figures: _Figures, summary: str, *, unit: str = "fraction", higher: bool = False, source: str = ""
) -> MetricSpec:
    """One of the figures as a record."""
    key = name.replace("-", "_")
    return MetricSpec(
        name=name,
        build=lambda trace: figures(trace)[key],
        summary=summary,
        source=source,
        higher_is_better=higher,
        unit=unit,
        reads="trace",
    )


def _accuracies() -> Iterator[MetricSpec]:
    """Of predictions for samples that were not learned yet."""
    for name, summary in (
        ("prequential-accuracy", "right predictions by samples, each predicted before it was learned"),
        ("windowed-accuracy", "right predictions by samples over the last 100 samples of the stream"),
        ("fading-accuracy", "right predictions by samples, each counting .999 times as much with each one after it"),
    ):
        yield _metric(name, accuracy_figures, summary, higher=True, source=_GAMA)


def _alarms() -> Iterator[MetricSpec]:
    """How well alarms answered drifts."""
    yield _metric(
        "detection-delay",
        _of_alarms,
        "samples of a drift seen at its first alarm, over detected drifts",
        unit="samples",
    )
    yield _metric(
        "normalised-detection-delay", _of_alarms, "delay by samples up to the next drift, over detected drifts"
    )
    yield _metric(
        "missed-detection-rate",
        _of_alarms,
        f"share of drifts without an alarm up to {TOLERANCE} samples after their end",
        source=_BIFET,
    )
    yield _metric("false-alarms-per-1000", _of_alarms, "alarms that answer no drift, per 1,000 samples", unit="count")
    yield _metric(
        "mean-time-between-false-alarms",
        _of_alarms,
        "samples outside of drifts by false alarms (MTFA); all of them where there is none",
        unit="samples",
        higher=True,
        source=_BIFET,
    )
    yield _metric(
        "mean-time-ratio",
        _of_alarms,
        "time between false alarms by delay, times the share of detected drifts (MTR)",
        unit="ratio",
        higher=True,
        source=_BIFET,
    )
    yield _metric("detection-f1", _of_alarms, "F1 of detected drifts, false alarms and missed drifts", higher=True)


def _recoveries() -> Iterator[MetricSpec]:
    """How deep accuracy fell and how soon it was back."""
    yield _metric("level-before-drift", _of_recoveries, "accuracy on the last 500 samples before a drift", higher=True)
    yield _metric(
        "recovery-samples",
        _of_recoveries,
        "samples from a drift's end through the batch that begins 3 windows of 100 in a row within .05 of the level",
        unit="samples",
    )
    yield _metric("recovery-censored", _of_recoveries, "share of recoveries that did not come before the next drift")
    yield _metric(
        "maximum-drop", _of_recoveries, "level before a drift minus the lowest window of 100 samples after it"
    )
    yield _metric(
        "area-lost", _of_recoveries, "samples wrong beyond the share of the level, summed over windows", unit="samples"
    )


def _stability() -> Iterator[MetricSpec]:
    """Old concepts while new ones are learned."""
    yield _metric(
        "stability-gap",
        stability_figures,
        "what old concepts lose while a new one is learned, and have back at its end",
        source=_STABILITY,
    )
    yield _metric(
        "min-held-out-accuracy",
        stability_figures,
        "lowest accuracy of each old concept since it was learned (Min-ACC)",
        higher=True,
        source=_STABILITY,
    )
    yield _metric(
        "worst-case-held-out-accuracy",
        stability_figures,
        "newest concept and the lowest accuracies of the others (WC-ACC)",
        higher=True,
        source=_STABILITY,
    )
