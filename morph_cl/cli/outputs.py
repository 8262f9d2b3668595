"""The files that a command writes besides the store."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from morph_cl.errors import UsageError
from morph_cl.results.atomic import check_writable, write_atomic
from morph_cl.results.record import RunRecord


def check_targets(*paths: Path | None) -> None:
    """Refuse files that could not be written at the end of a run.

    Args:
        paths: the files, None where a flag was not given.

    Raises:
        StoreError: a folder is missing or not writable, or a file is a folder itself.
        UsageError: one file is given twice.
    """
    given = [path for path in paths if path is not None]
    for path in given:
        check_writable(path)
    if len({path.resolve() for path in given}) < len(given):
        raise UsageError(f"{given[0]} is given for two outputs; name two files.")


def write_json(
    path: Path | None, records: Sequence[RunRecord], *, as_list: bool, more: Sequence[Mapping[str, Any]] = ()
) -> None:
    """Write records as JSON, atomically.

    Args:
        path: the file, None to write nothing.
        records: the records; one of them where ``as_list`` is false.
        as_list: whether to write a list.
        more: what to write behind the fields of each record, by name; a reader of records passes over it.

    Raises:
        StoreError: the file cannot be written.
    """
    if path is None:
        return
    texts = [
        json.dumps({**json.loads(record.to_json()), **parts}, indent=2, ensure_ascii=False)
        if parts
        else record.to_json()
        for record, parts in zip(records, more or [{}] * len(records), strict=True)
    ]
    write_atomic(path, f"[{','.join(texts)}]\n" if as_list else f"{texts[0]}\n")


def write_csv(
    path: Path | None,
    records: Sequence[RunRecord],
    first: Mapping[str, Sequence[str]] | None = None,
    more: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Write one row a run as CSV, atomically: what it was, its metrics, memory and timing.

    Args:
        path: the file, None to write nothing.
        records: the records.
        first: columns to put before the others: by heading, one text a run.
        more: columns to put behind the others: for each run, values by heading.

    Raises:
        StoreError: the file cannot be written.
    """
    if path is None:
        return
    from morph_cl.report.csv_export import metrics_csv

    write_atomic(path, metrics_csv(records, first, more))


def write_details(path: Path | None, record: RunRecord) -> None:
    """Write what one run measured along the way as CSV, atomically: its trace, or else its accuracy matrix.

    Args:
        path: the file, None to write nothing.
        record: the run.

    Raises:
        StoreError: the file cannot be written.
    """
    if path is None:
        return
    from morph_cl.report.csv_export import matrix_csv, trace_csv

    write_atomic(path, matrix_csv([record]) if record.trace is None else trace_csv(record))


def write_plot(path: Path | None, records: Sequence[RunRecord]) -> None:
    """Write accuracy against costs as a picture, atomically; the curves where every run is over a drifting stream.

    Args:
        path: the PNG file, None to write nothing.
        records: the records.

    Raises:
        StoreError: the file cannot be written.
    """
    if path is None:
        return
    from morph_cl.report.costs import draw_costs
    from morph_cl.report.stream_pictures import draw_streams

    draw = draw_costs if any(record.trace is None for record in records) else draw_streams
    draw(records, path)
