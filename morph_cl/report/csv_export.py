"""Records as CSV, for spreadsheets and plotting elsewhere; what was not measured is an empty field."""

from __future__ import annotations

import csv
import io
import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from morph_cl.errors import UsageError
from morph_cl.metrics.drift.prequential import cumulative_accuracy, fading_accuracy, windowed_accuracy
from morph_cl.report.streams import FALSE, alarm_marks, drift_name
from morph_cl.results.record import RunRecord

TRACE_COLUMNS = (
    *("batch", "samples", "size", "correct", "windowed_accuracy", "cumulative_accuracy", "fading_accuracy"),
    *("alarm", "growth", "drift", "after_drifts", "blip"),
)
MATRIX_COLUMNS = ("run_id", "strategy", "seed", "after", "after_label", "on", "on_label", "accuracy")


def matrix_csv(records: Sequence[RunRecord]) -> str:
    """The accuracy matrices, one entry a row.

    Args:
        records: runs.

    Returns:
        CSV with a heading: run, strategy, seed, experience trained on and tested on (from 1), their labels,
        and the accuracy as a fraction.
    """
    return _text(MATRIX_COLUMNS, (row for record in records for row in _entries(record)))


def trace_csv(record: RunRecord) -> str:
    """What was measured along a drifting stream, one batch a row.

    Args:
        record: a run with a trace.

    Returns:
        CSV with a heading: samples seen by the end of the batch, its size and the right predictions for it;
        accuracies as fractions; ``alarm`` is ``right`` or ``false``, ``drift`` and ``blip`` say what begins in the
        batch, ``after_drifts`` how many drifts have begun by its end. Where held-out data was looked at, a column for
        each concept has its accuracy after the batch, empty where there was no look or the concept was still to come.

    Raises:
        UsageError: the run has no trace.
    """
    trace = record.trace
    if trace is None:
        raise UsageError(f"run {record.run_id or record.strategy} is not over a drifting stream and has no trace.")
    edges = trace.edges
    alarms = {mark.position: "false" if mark.glyph == FALSE else "right" for mark in alarm_marks(trace)}
    growths, starts = set(trace.growths), [drift.start for drift in trace.drifts]
    curves = zip(windowed_accuracy(trace), cumulative_accuracy(trace), fading_accuracy(trace), strict=True)
    looks = {point.samples: point.accuracies for point in trace.held_out}
    held_out = [f"held_out_concept_{concept}" for concept in range(len(trace.held_out[0].accuracies) if looks else 0)]
    rows = []
    for batch, (windowed, cumulative, fading) in enumerate(curves):
        end, here = edges[batch + 1], range(edges[batch], edges[batch + 1])
        rows.append(
            {
                "batch": batch + 1,
                "samples": end,
                "size": trace.batch_sizes[batch],
                "correct": trace.correct[batch],
                "windowed_accuracy": windowed,
                "cumulative_accuracy": cumulative,
                "fading_accuracy": fading,
                "alarm": alarms.get(end - 1, ""),
                "growth": int(end - 1 in growths),
                "drift": "; ".join(drift_name(drift) for drift in trace.drifts if drift.start in here),
                "after_drifts": bisect_left(starts, end),
                "blip": int(any(blip.start in here for blip in trace.blips)),
                **dict(zip(held_out, looks.get(end, ()), strict=False)),
            }
        )
    return _text([*TRACE_COLUMNS, *held_out], rows)


def metrics_csv(
    records: Sequence[RunRecord],
    first: Mapping[str, Sequence[str]] | None = None,
    more: Sequence[Mapping[str, Any]] = (),
) -> str:
    """The figures, one run a row.

    Args:
        records: runs.
        first: columns to put before the others: by heading, one text a run.
        more: columns to put behind the others: for each run, values by heading; none for none.

    Returns:
        CSV with a heading: what the run was, of drifting streams also how many drifts, alarms and growths there
        were, every metric that any of them has, memory in bytes, time in seconds.
    """
    lead = [dict(zip(first, texts, strict=True)) for texts in zip(*first.values(), strict=True)] if first else None
    none: list[Mapping[str, Any]] = [{}] * len(records)
    rows = [
        {**before, **_figures(record), **behind}
        for before, record, behind in zip(lead or none, records, more or none, strict=True)
    ]
    return _text(list(dict.fromkeys(name for row in rows for name in row)), rows)


def _entries(record: RunRecord) -> Iterable[dict[str, Any]]:
    labels = record.scenario_info.experiences
    for after, row in enumerate(record.accuracy_matrix):
        for on, accuracy in enumerate(row):
            yield {
                "run_id": record.run_id,
                "strategy": record.strategy,
                "seed": record.seed,
                "after": after + 1,
                "after_label": labels[after] if after < len(labels) else "",
                "on": on + 1,
                "on_label": labels[on] if on < len(labels) else "",
                "accuracy": accuracy,
            }


def _figures(record: RunRecord) -> dict[str, Any]:
    return {
        "run_id": record.run_id,
        "scenario": record.scenario,
        "preset": record.scenario_info.preset or "",
        "setting": record.scenario_info.setting,
        "dataset": record.dataset,
        "dataset_checksum": record.dataset_info.checksum,
        "train_size": record.dataset_info.train_size,
        "test_size": record.dataset_info.test_size,
        "strategy": record.strategy,
        "profile": record.strategy_info.profile or "",
        "boundaries": record.strategy_info.boundaries,
        "seed": record.seed,
        "experiences": record.experiences,
        "experts": record.experts[-1] if record.experts else "",
        **_stream(record),
        **record.metrics,
        **record.memory.model_dump(exclude={"by_experience"}),
        **record.timing.model_dump(exclude={"train_seconds_by_experience"}),
    }


def _stream(record: RunRecord) -> dict[str, Any]:
    """What a run met and did on a drifting stream; nothing of other runs."""
    trace = record.trace
    if trace is None:
        return {}
    return {
        "samples": trace.samples,
        "drifts": len(trace.drifts),
        "alarms": len(set(trace.alarms)),
        "growths": len(set(trace.growths)),
    }


def _text(columns: Sequence[str], rows: Iterable[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: "" if _missing(value) else value for name, value in row.items()})
    return text.getvalue()


def _missing(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)
