"""How much sooner strategies are back after a drift than a baseline: the table, and columns for files."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Group as Stack
from rich.console import RenderableType
from rich.text import Text

from morph_cl.errors import UsageError
from morph_cl.metrics.drift.speedup import SpeedUp, measure_speed_ups
from morph_cl.metrics.joint import same_stream
from morph_cl.report.adaptive_table import AdaptiveTable, Heading
from morph_cl.report.ascii import EncodingSafe
from morph_cl.report.formats import MISSING, percent
from morph_cl.report.grouping import Group, group_records
from morph_cl.report.streams import kind_name
from morph_cl.results.prequential import Trace
from morph_cl.results.record import RunRecord

DEFAULT_BASELINE = "naive"
"""The baseline where it takes part; else it is the first strategy."""


@dataclass(frozen=True)
class SpeedUps:
    """Adaptation speed-ups of strategies over one of them.

    Args:
        baseline: the strategy that the others are held against.
        measured: the others, and a figure for each kind of drift.
        elsewhere: those that share no stream with the baseline.
    """

    baseline: Group
    measured: tuple[tuple[Group, tuple[SpeedUp, ...]], ...]
    elsewhere: tuple[Group, ...] = ()


def compare_speed_ups(records: Sequence[RunRecord], baseline: str | None = None) -> SpeedUps | None:
    """Hold the recovery times of strategies against a baseline's, on the streams that they share.

    Args:
        records: the runs; those without a trace are left out.
        baseline: a strategy among them, by its name or as the table calls it; None takes ``naive`` if it is there, else
            the first.

    Returns:
        The figures; None where fewer than two strategies met a drifting stream.

    Raises:
        UsageError: the baseline is not among the strategies, or several go by that name.
    """
    groups = group_records([record for record in records if record.trace is not None])
    if not groups:
        if baseline is not None:
            raise UsageError(f"--baseline {baseline}: none of the runs is over a drifting stream; leave it out.")
        return None
    chosen = _choose(groups, baseline)
    if len(groups) < 2:
        return None
    measured, elsewhere = [], []
    for group in groups:
        if group is chosen:
            continue
        pairs = _pairs(group, chosen)
        if pairs:
            own, other = ({seed: pair[place] for seed, pair in pairs.items()} for place in (0, 1))
            measured.append((group, tuple(measure_speed_ups(own, other))))
        else:
            elsewhere.append(group)
    return SpeedUps(chosen, tuple(measured), tuple(elsewhere))


def _choose(groups: Sequence[Group], name: str | None) -> Group:
    """The baseline among the strategies."""
    if name is None:
        return next((group for group in groups if _bare(group.strategy) == DEFAULT_BASELINE), groups[0])
    found = [group for group in groups if group.label == name]
    found = found or [group for group in groups if _bare(group.strategy) == _bare(name)]
    if len(found) != 1:
        labels = ", ".join(repr(group.label) for group in found or groups)
        reason = "several strategies go by that name" if found else "it is not among the strategies"
        raise UsageError(f"--baseline {name}: {reason}; give one of {labels}.")
    return found[0]


def _bare(name: str) -> str:
    """A strategy's name without the plugin's."""
    return name.rpartition(":")[2]


def _pairs(group: Group, baseline: Group) -> dict[int, tuple[Trace, Trace]]:
    """By seed, the traces of both where they met the same stream."""
    others = {record.seed: record for record in baseline.records}
    return {
        record.seed: (record.trace, other.trace)
        for record in group.records
        if (other := others.get(record.seed)) is not None
        and record.trace is not None
        and other.trace is not None
        and same_stream(record, other)
        and (record.trace.drifts, record.trace.samples) == (other.trace.drifts, other.trace.samples)
    }


# --- the table --------------------------------------------------------------------------------------------------------


def speed_up_table(found: SpeedUps, *, ascii_only: bool = False) -> RenderableType:
    """A row for each kind of drift and strategy: how much sooner back than the baseline, and how sure that is.

    Args:
        found: the figures.
        ascii_only: whether to draw in plain ASCII whatever the terminal knows.

    Returns:
        A renderable.
    """
    headings = [
        Heading("drifts"),
        Heading("strategy", widest=16),
        Heading("times as\nfast", right=True),
        Heading("95 %\ninterval", right=True),
        Heading("the true\none is"),
        Heading("level\nbefore", right=True),
        Heading("the base-\nline's", right=True),
    ]
    kinds = dict.fromkeys((entry.kind, entry.recurring) for _, entries in found.measured for entry in entries)
    rows = [
        [Text(text) for text in _row(kind_name(*kind), group.label, entry)]
        for kind in kinds
        for group, entries in found.measured
        for entry in entries
        if (entry.kind, entry.recurring) == kind
    ]
    notes = [Text(_notes(found), style="dim")]
    if found.elsewhere:
        labels = ", ".join(group.label for group in found.elsewhere)
        notes.append(
            Text(f"On other streams or seeds than {found.baseline.label}, so left out: {labels}.", style="dim")
        )
    title = f"Adaptation speed-up over {found.baseline.label}"
    table: RenderableType = AdaptiveTable(headings, rows, title=title) if rows else Text(f"{title}: none to measure")
    return EncodingSafe(Stack(table, *notes), ascii_only=ascii_only)


def _row(kind: str, label: str, entry: SpeedUp) -> list[str]:
    known = not math.isnan(entry.low)
    return [
        kind,
        label,
        _times(entry.ratio),
        f"{_times(entry.low)}-{_times(entry.high)}" if known else MISSING,
        entry.bound if entry.drifts else MISSING,
        percent(entry.strategy_level),
        percent(entry.baseline_level),
    ]


def _times(ratio: float) -> str:
    """A ratio with three figures."""
    if math.isnan(ratio):
        return MISSING
    if math.isinf(ratio) or ratio >= 999.5:
        return ">999"
    return f"{ratio:.2f}" if ratio < 9.995 else f"{ratio:.1f}" if ratio < 99.95 else f"{ratio:.0f}"


def _notes(found: SpeedUps) -> str:
    counts = [entry.seeds for _, entries in found.measured for entry in entries]
    seeds = max(counts, default=0)
    parts = [
        f"Samples to recovery of {found.baseline.label} by the strategy's, geometric means over drifts and seeds: "
        "above 1 the strategy is back sooner.",
        f"Interval: Student's over {seeds} seeds, of logarithms." if seeds > 1 else "One seed has no interval.",
        "At least: the baseline did not recover from every drift; at most: the strategy did not; unknown: neither did.",
        "Level: own accuracy before the drifts in per cent, the one to come back to: who was poor is soon back.",
    ]
    return " ".join(parts)


# --- files ------------------------------------------------------------------------------------------------------------


def speed_up_columns(found: SpeedUps, records: Sequence[RunRecord]) -> list[dict[str, Any]]:
    """Columns for a file of one row a run: the figures of the run's strategy, over all its seeds.

    Args:
        found: the figures.
        records: the runs.

    Returns:
        For each run values by heading: ``speed_up_baseline``, and for each kind of drift, such as ``abrupt_known``,
        ``speed_up_abrupt_known`` with ``_low``, ``_high`` and ``_bound``; none for the baseline.
    """
    return [
        {heading: value for entry in entries for heading, value in _columns(found.baseline.label, entry).items()}
        for entries in _entries(found, records)
    ]


def _columns(baseline: str, entry: SpeedUp) -> dict[str, Any]:
    kind = re.sub(r"[^a-z0-9]+", "_", kind_name(entry.kind, entry.recurring).lower()).strip("_")
    name = f"speed_up_{kind}"
    figures = {"": entry.ratio, "_low": entry.low, "_high": entry.high, "_bound": entry.bound}
    return {"speed_up_baseline": baseline, **{f"{name}{end}": value for end, value in figures.items()}}


def speed_up_parts(found: SpeedUps, records: Sequence[RunRecord]) -> list[dict[str, Any]]:
    """The same for JSON.

    Args:
        found: the figures.
        records: the runs.

    Returns:
        For each run an object with ``speed_ups``: a list with the fields of a :class:`SpeedUp` for each kind of drift,
        ``baseline`` and ``bound`` beside them; what is undefined or infinite is None. Empty for the baseline.
    """
    return [
        {"speed_ups": [_plain(found.baseline.label, entry) for entry in entries]} if entries else {}
        for entries in _entries(found, records)
    ]


def _plain(baseline: str, entry: SpeedUp) -> dict[str, Any]:
    fields = {**asdict(entry), "bound": entry.bound}
    finite = {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in fields.items()}
    return {"baseline": baseline, **finite}


def _entries(found: SpeedUps, records: Sequence[RunRecord]) -> list[tuple[SpeedUp, ...]]:
    """The figures of each run's strategy."""
    owned = {id(record): entries for group, entries in found.measured for record in group.records}
    return [owned.get(id(record), ()) for record in records]
