"""Records as CSV, for spreadsheets and plotting elsewhere; what was not measured is an empty field."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from morph_cl.results.record import RunRecord

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


def metrics_csv(records: Sequence[RunRecord], first: Mapping[str, Sequence[str]] | None = None) -> str:
    """The figures, one run a row.

    Args:
        records: runs.
        first: columns to put before the others: by heading, one text a run.

    Returns:
        CSV with a heading: what the run was, of drifting streams also how many drifts, alarms and growths there
        were, every metric that any of them has, memory in bytes, time in seconds.
    """
    lead = [dict(zip(first, texts, strict=True)) for texts in zip(*first.values(), strict=True)] if first else None
    rows = [{**more, **_figures(record)} for record, more in zip(records, lead or [{}] * len(records), strict=True)]
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
