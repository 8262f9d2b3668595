"""The measures of drifting runs as tables: strategies side by side, and the drifts of one run."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Group as Stack
from rich.console import RenderableType
from rich.text import Text

from morph_cl.metrics.drift.detection import judge_alarms
from morph_cl.metrics.drift.figures import TOLERANCE
from morph_cl.metrics.drift.recovery import Recovery, RecoveryRule, measure_recoveries
from morph_cl.report.adaptive_table import AdaptiveTable, Heading
from morph_cl.report.ascii import EncodingSafe
from morph_cl.report.formats import MISSING, duration, human_bytes, human_count, percent
from morph_cl.report.grouping import Group, group_records, same_stream
from morph_cl.report.streams import drift_name
from morph_cl.report.summary import Column, last_experts
from morph_cl.report.tables import OTHER_STREAMS, FigureTable
from morph_cl.results.prequential import Trace
from morph_cl.results.record import RunRecord

MOST_DRIFTS = 20
"""Of more drifts than this the first are listed."""


def drift_table(records: Sequence[RunRecord], *, ascii_only: bool = False) -> RenderableType:
    """One row a strategy: how accurate along the stream, how soon back after a drift, how good its alarms.

    Args:
        records: runs with a trace, at least one; those that differ only by their seed make one row: mean, 95 %
            interval.
        ascii_only: whether to draw in plain ASCII whatever the terminal knows.

    Returns:
        A renderable. Figures that no run has are left out; what does not fit the console goes below.
    """
    return EncodingSafe(DriftTable(group_records(records)), ascii_only=ascii_only)


def drifts_of_run(trace: Trace, *, ascii_only: bool = False) -> RenderableType:
    """One row a drift: where it was, how deep accuracy fell, how soon it was back, when the alarm came.

    Args:
        trace: a run's trace with at least one drift.
        ascii_only: whether to draw in plain ASCII whatever the terminal knows.

    Returns:
        A renderable. Columns for alarms and growths are there where the run had any.
    """
    headings = [Heading("drift"), Heading("samples", right=True)]
    headings += [Heading(name, right=True) for name in ("level\nbefore", "maximum\ndrop", "back\nafter", "area\nlost")]
    headings += [Heading("alarm\nafter", right=True)] if trace.alarms else []
    headings += [Heading("growths", right=True)] if trace.growths else []
    delays = judge_alarms(trace, TOLERANCE).delays
    recoveries = measure_recoveries(trace)[:MOST_DRIFTS]
    rows = [
        [Text(text) for text in _drift_row(number, recovery, trace, delays[number])]
        for number, recovery in enumerate(recoveries)
    ]
    parts: list[RenderableType] = [
        AdaptiveTable(headings, rows, title="Drifts"),
        Text(_explanation(trace), style="dim"),
    ]
    return EncodingSafe(Stack(*parts), ascii_only=ascii_only)


def _drift_row(number: int, recovery: Recovery, trace: Trace, delay: float) -> list[str]:
    drift = recovery.drift
    end = trace.segment_ends[number]
    where = f"{drift.start:,}" if drift.start == drift.end else f"{drift.start:,}-{drift.end:,}"
    row = [f"{number + 1} {drift_name(drift)}", where, percent(recovery.level), percent(recovery.maximum_drop)]
    row += [_recovery_text(recovery), human_count(recovery.area_lost)]
    if trace.alarms:
        row.append("missed" if math.isnan(delay) else human_count(delay))
    if trace.growths:
        row.append(str(sum(drift.start <= position < end for position in set(trace.growths))))
    return row


def _recovery_text(recovery: Recovery) -> str:
    if not recovery.measured:
        return MISSING
    return f"{'≥' if recovery.censored else ''}{human_count(recovery.samples)}"


def _explanation(trace: Trace) -> str:
    rule = RecoveryRule()
    lines = [
        "Level and drop in per cent. Back after: samples from the drift's end through the batch that begins "
        f"{rule.windows} windows of {rule.window} in a row within {100 * rule.eps:.0f} points of the level; ≥: not "
        f"before the next drift; {MISSING}: no room to tell. Area lost: wrong predictions beyond the level's share."
    ]
    if len(trace.drifts) > MOST_DRIFTS:
        lines.append(f"The first {MOST_DRIFTS} of {len(trace.drifts)} drifts.")
    return " ".join(lines)


class DriftTable(FigureTable):
    """One row a strategy, the best of each column marked.

    Args:
        groups: the strategies, at least one; each run has a trace.
    """

    corner = "strategy"

    def __init__(self, groups: Sequence[Group]) -> None:
        super().__init__(groups, _columns(groups))

    def notes(self, colour: bool, ascii_only: bool) -> list[str]:
        """The units, what recovery and the marks mean, and what forbids a comparison.

        Args:
            colour: whether the console shows colours.
            ascii_only: whether it shows nothing but ASCII.
        """
        shown = {column.heading for column in self.columns}
        notes = ["Accuracies, level, drop and shares of drifts in per cent; the rest in samples."]
        seeds = max(len(group.records) for group in self.groups)
        if seeds > 1:
            notes.append(f"Mean {'+-' if ascii_only else '±'} half-width of the 95 % interval over seeds.")
        if any(column.best(self.groups) for column in self.columns):
            notes.append("Best of a column: " + ("bold." if colour else "*."))
        lines = [" ".join(notes)]
        if _RECOVERY in shown:
            own = "Each recovers to its own level: one that was poor is soon back. " if len(self.groups) > 1 else ""
            lines.append(f"{own}Drifts not recovered from count with the samples up to the next drift, a lower bound.")
        if not any(trace.alarms for trace in _traces(self.groups)):
            lines.append("No run raised an alarm.")
        if not same_stream(self.groups):
            lines.append(OTHER_STREAMS)
        return lines


_RECOVERY = "recovery\nsamples"


def _columns(groups: Sequence[Group]) -> list[Column]:
    """The measures, the most important first; those that no run has are left out."""
    measures = [
        _fraction("prequential\naccuracy", "prequential_accuracy", better=1),
        _fraction("level\nbefore", "level_before_drift", better=1),
        _count(_RECOVERY, "recovery_samples"),
        _fraction("not re-\ncovered", "recovery_censored"),
        _fraction("maximum\ndrop", "maximum_drop"),
        _count("area\nlost", "area_lost"),
    ]
    if any(trace.alarms for trace in _traces(groups)):
        measures += [
            _count("alarm\ndelay", "detection_delay"),
            _fraction("drifts\nmissed", "missed_detection_rate"),
            _rate("false alarms\nper 1,000", "false_alarms_per_1000"),
        ]
    measures += [
        _fraction("stability\ngap", "stability_gap"),
        _fraction("min held-\nout acc.", "min_held_out_accuracy", better=1),
        _fraction("worst-case\nheld-out", "worst_case_held_out_accuracy", better=1),
    ]
    measured = [column for column in measures if any(column.over(group).count for group in groups)]
    return [
        *measured,
        Column("experts", last_experts, human_count, interval=False),
        Column("memory", lambda record: float(record.memory.total_bytes), human_bytes, better=-1, interval=False),
        Column("train\ntime", lambda record: record.timing.train_seconds, duration, better=-1, interval=False),
        _fraction("accuracy\nat the end", "average_accuracy", better=1),
    ]


def _traces(groups: Sequence[Group]) -> list[Trace]:
    return [record.trace for group in groups for record in group.records if record.trace is not None]


def _fraction(heading: str, name: str, better: int = -1) -> Column:
    return Column(heading, lambda record: record.metrics.get(name, math.nan), percent, better=better)


def _count(heading: str, name: str) -> Column:
    """A number of samples; fewer are better."""
    return Column(heading, lambda record: record.metrics.get(name, math.nan), _whole, better=-1, spread=_whole)


def _rate(heading: str, name: str) -> Column:
    """A number of alarms; none is marked as best, as a strategy that is silent has none."""
    return Column(heading, lambda record: record.metrics.get(name, math.nan), _two_digits, spread=_two_digits)


def _whole(samples: float) -> str:
    return MISSING if math.isnan(samples) else human_count(round(samples))


def _two_digits(rate: float) -> str:
    return MISSING if math.isnan(rate) else f"{rate:.2f}"
