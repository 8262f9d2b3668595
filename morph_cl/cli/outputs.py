"""The files that a command writes besides the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

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


def write_json(path: Path | None, records: Sequence[RunRecord], *, as_list: bool) -> None:
    """Write records as JSON, atomically.

    Args:
        path: the file, None to write nothing.
        records: the records; one of them where ``as_list`` is false.
        as_list: whether to write a list.

    Raises:
        StoreError: the file cannot be written.
    """
    if path is None:
        return
    texts = [record.to_json() for record in records]
    write_atomic(path, f"[{','.join(texts)}]\n" if as_list else f"{texts[0]}\n")


def write_csv(
    path: Path | None, records: Sequence[RunRecord], first: Mapping[str, Sequence[str]] | None = None
) -> None:
    """Write one row a run as CSV, atomically: what it was, its metrics, memory and timing.

    Args:
        path: the file, None to write nothing.
        records: the records.
        first: columns to put before the others: by heading, one text a run.

    Raises:
        StoreError: the file cannot be written.
    """
    if path is None:
        return
    from morph_cl.report.csv_export import metrics_csv

    write_atomic(path, metrics_csv(records, first))


def write_plot(path: Path | None, records: Sequence[RunRecord]) -> None:
    """Write accuracy against costs as a picture, atomically.

    Args:
        path: the PNG file, None to write nothing.
        records: the records.

    Raises:
        StoreError: the file cannot be written.
    """
    if path is None:
        return
    from morph_cl.report.costs import draw_costs

    draw_costs(records, path)
