"""Every registered figure of a finished run; a metric that fails harms nobody."""

from __future__ import annotations

import math

from morph_cl.registry import Registry
from morph_cl.results.record import RunRecord
from morph_cl.specs import MetricSpec


def metric_key(name: str) -> str:
    """The key of a metric in ``RunRecord.metrics``.

    Args:
        name: a registered name, such as ``average-accuracy``.

    Returns:
        The name in snake case, such as ``average_accuracy``.
    """
    return name.replace("-", "_")


def compute_metrics(record: RunRecord, registry: Registry[MetricSpec]) -> tuple[dict[str, float], list[str]]:
    """Evaluate every registered metric on a record.

    Args:
        record: a finished run; it is not changed. Metrics that read a trace are left out where it has none.
        registry: the metrics to evaluate. Where two plugins offer one name, the key is the qualified name.

    Returns:
        The figures by key, NaN where undefined or where the metric failed, and one line for each that failed.
    """
    figures: dict[str, float] = {}
    warnings: list[str] = []
    for entry in registry:
        subject = record if entry.spec.reads == "record" else record.trace
        if subject is None:
            continue
        key = metric_key(registry.shown_name(entry))
        try:
            value = float(entry.spec.resolve()(subject))
            if math.isinf(value):
                raise ValueError(f"returned {value}; return NaN where a figure is undefined")
        # A metric may be foreign code: whatever it raises must not cost the run that was just finished.
        except Exception as error:
            value = math.nan
            warnings.append(f"metric {entry.spec.name} of plugin {entry.provider}: {type(error).__name__}: {error}")
        figures[key] = value
    return figures, warnings
