"""The reports that ``morph-cl run`` and ``morph-cl compare`` print."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group as Stack
from rich.console import RenderableType
from rich.text import Text

from morph_cl.errors import UsageError
from morph_cl.report.ascii import EncodingSafe
from morph_cl.report.curves import comparison_curves, strategy_curves
from morph_cl.report.drift_tables import drift_table, drifts_of_run
from morph_cl.report.grouping import group_records
from morph_cl.report.header import comparison_header, run_header
from morph_cl.report.heatmap import MatrixMap
from morph_cl.report.prequential import prequential_curves
from morph_cl.report.speed_ups import SpeedUps, compare_speed_ups, speed_up_table
from morph_cl.report.tables import summary_table
from morph_cl.results.record import RunRecord

_SHOWN_FIRST = "morph"


def run_report(record: RunRecord, *, ascii_only: bool = False) -> RenderableType:
    """What there is to see of one run: what it was, its figures, its forgetting curves, its accuracy matrix.

    Args:
        record: the run.
        ascii_only: whether to draw in plain ASCII whatever the terminal knows.

    Returns:
        A renderable for any console from 24 columns on; legible from 40.
    """
    return _report([run_header(record)], [record], ascii_only=ascii_only)


def comparison_report(
    records: Sequence[RunRecord], *, baseline: str | None = None, ascii_only: bool = False
) -> RenderableType:
    """Several runs side by side: the table, the forgetting curves, and the accuracy matrix of MORPH.

    Args:
        records: the runs, at least one; those that differ only by their seed are drawn together. The matrix
            is that of the first MORPH among them, else of the first strategy.
        baseline: on drifting streams, the strategy whose recovery times the others' are held against; None takes
            ``naive`` if it is there, else the first.
        ascii_only: whether to draw in plain ASCII whatever the terminal knows.

    Returns:
        A renderable for any console from 24 columns on; legible from 40.

    Raises:
        UsageError: there is nothing to compare, or the baseline is not among the strategies.
    """
    if not records:
        raise UsageError("no runs to compare; give at least one.")
    speed_ups = compare_speed_ups(records, baseline)
    return _report([comparison_header(records)], records, speed_ups, ascii_only=ascii_only)


def _report(
    heading: Sequence[RenderableType],
    records: Sequence[RunRecord],
    speed_ups: SpeedUps | None = None,
    *,
    ascii_only: bool,
) -> RenderableType:
    """Tables and drawings below a heading; runs over drifting streams have their own.

    Args:
        heading: what stands above.
        records: the runs, at least one.
        speed_ups: how much sooner strategies adapt than one of them, where there are several.
        ascii_only: whether to draw in plain ASCII whatever the terminal knows.
    """
    drifting = [record for record in records if record.trace is not None]
    others = [record for record in records if record.trace is None]
    parts = list(heading)
    if others:
        parts += [summary_table(records), *_experience_parts(others)]
    if drifting:
        parts += _drift_parts(drifting, speed_ups)
    spaced: list[RenderableType] = []
    for part in parts:
        spaced += [part, Text("")]
    return EncodingSafe(Stack(*spaced[:-1]), ascii_only=ascii_only)


def _experience_parts(records: Sequence[RunRecord]) -> list[RenderableType]:
    """Curves and matrix of runs over experiences."""
    groups = group_records(records)
    shown = next((group for group in groups if group.strategy.rpartition(":")[2] == _SHOWN_FIRST), groups[0])
    several = len(groups) > 1
    parts = [comparison_curves(records)] if several else []
    return [*parts, strategy_curves(records, rows=9 if several else 13), MatrixMap(shown)]


def _drift_parts(records: Sequence[RunRecord], speed_ups: SpeedUps | None) -> list[RenderableType]:
    """Measures and curve of runs over drifting streams; of several speed-ups, of a single one each drift."""
    parts = [drift_table(records)]
    if speed_ups is not None and any(record.trace is not None and record.trace.drifts for record in records):
        parts.append(speed_up_table(speed_ups))
    parts.append(prequential_curves(records))
    trace = records[0].trace
    if len(records) == 1 and trace is not None and trace.drifts:
        parts.append(drifts_of_run(trace))
    return parts
