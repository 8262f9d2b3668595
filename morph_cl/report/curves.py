"""Forgetting curves: what becomes of each experience's accuracy as training goes on."""

from __future__ import annotations

import math
import string
from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.console import Group as Stack
from rich.table import Table
from rich.text import Text

from morph_cl.report.ascii import EncodingSafe
from morph_cl.report.axes import Scale, accuracy_scale
from morph_cl.report.formats import mean_measured, one_line, percent
from morph_cl.report.grouping import Group, group_records, learned_average
from morph_cl.report.palette import BOUND_STYLE, letter_keys, series_style
from morph_cl.report.plot import LinePlot, Series, all_values
from morph_cl.results.record import RunRecord

MOST_LINES = 6
"""More experiences than this are shown by the first, the last and those at the quartiles."""

_PANEL_WIDTH = 38
_GLYPHS = ".:~=*o"  # lines of experiences in ASCII
_LONGEST_NAME = 14


def comparison_curves(records: Sequence[RunRecord], *, rows: int = 13, ascii_only: bool = False) -> RenderableType:
    """Average accuracy over the experiences learned so far, a line for each strategy.

    Args:
        records: the runs to compare, at least one; those that differ only by their seed make one line and
            a band.
        rows: height of the drawing in cells.
        ascii_only: whether to draw in plain ASCII whatever the terminal knows.

    Returns:
        A renderable as wide as the console.
    """
    groups = group_records(records)
    length = max(group.experiences for group in groups)
    keys = letter_keys([group.label for group in groups])
    series = [
        _average_series(group, key, index, length) for index, (group, key) in enumerate(zip(groups, keys, strict=True))
    ]
    plot = LinePlot(
        series,
        title="Average accuracy over the experiences learned so far",
        x_title="experiences learned",
        rows=max(rows, min(len(groups), 30)),
    )
    seeds = {len(group.records) for group in groups}
    parts: list[RenderableType] = [plot]
    if max(seeds) > 1:
        parts.append(Text("line: mean over seeds, shaded: least to greatest", style="dim"))
    return EncodingSafe(Stack(*parts), ascii_only=ascii_only)


def strategy_curves(records: Sequence[RunRecord], *, rows: int = 9, ascii_only: bool = False) -> RenderableType:
    """Accuracy of each experience as training goes on, a panel for each strategy, all on one scale.

    Args:
        records: runs, at least one; those that differ only by their seed are averaged.
        rows: height of a panel's drawing in cells.
        ascii_only: whether to draw in plain ASCII whatever the terminal knows.

    Returns:
        A renderable: panels beside one another as far as the console is wide.
    """
    groups = group_records(records)
    names = experience_names(records[0].scenario_info.experiences) if len(groups) == 1 else []
    lines = [experience_series(group, names) for group in groups]
    scale = accuracy_scale([value for series in lines for value in all_values(series)], rows)
    panels = [_panel(group, series, scale, rows) for group, series in zip(groups, lines, strict=True)]
    return EncodingSafe(
        Stack(
            Text("Accuracy of each experience as training goes on", style="bold"),
            PanelGrid(panels) if len(panels) > 1 else panels[0],
            Text(_caption(groups), style="dim"),
        ),
        ascii_only=ascii_only,
    )


def experience_series(group: Group, names: Sequence[str] = ()) -> list[Series]:
    """The lines of one strategy, each from the moment at which its experience was learned.

    Args:
        group: the strategy's runs; the lines are means over them.
        names: a name for each experience, none to show numbers alone.

    Returns:
        A line for each experience, or for the chosen ones and the average over all learned so far.
    """
    matrix = group.mean_matrix()
    length = len(matrix)
    chosen = chosen_experiences(length)
    series = []
    for position, on in enumerate(chosen):
        values = tuple(matrix[after][on] if after >= on else math.nan for after in range(length))
        numbered = length <= 99  # a key has two characters at the most
        name = names[on] if on < len(names) else ""
        series.append(
            Series(
                key=str(on + 1) if numbered else string.ascii_uppercase[position],
                name=name if numbered else str(on + 1),
                values=values,
                style=series_style(position),
                note=percent(values[-1]),
                key_along=False,
                glyph=_GLYPHS[position],
            )
        )
    if len(chosen) < length:
        average = tuple(
            mean_measured(learned_average(record, after) for record in group.records) for after in range(length)
        )
        series.append(Series(key="m", name="mean", values=average, note=percent(average[-1])))
    return series


def chosen_experiences(length: int) -> list[int]:
    """Which experiences are shown as lines of their own.

    Args:
        length: T, the number of experiences.

    Returns:
        All indices where there are few, else the first, the last and those at the quartiles.
    """
    if length <= MOST_LINES:
        return list(range(length))
    return [round(quarter * (length - 1) / 4) for quarter in range(5)]


class PanelGrid:
    """Panels beside one another, as many in a row as leave each its least width.

    Args:
        panels: what to show, at least one.
    """

    def __init__(self, panels: Sequence[RenderableType]) -> None:
        self.panels = list(panels)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        across = max(1, min(len(self.panels), (options.max_width + 2) // (_PANEL_WIDTH + 2)))
        grid = Table.grid(padding=(0, 2, 1, 0), expand=True, pad_edge=False)
        for _ in range(across):
            grid.add_column(ratio=1, overflow="fold")
        for start in range(0, len(self.panels), across):
            grid.add_row(*self.panels[start : start + across])
        yield grid


def _panel(group: Group, series: list[Series], scale: Scale, rows: int) -> LinePlot:
    return LinePlot(series, title=group.label, scale=scale, rows=rows)


def _average_series(group: Group, key: str, index: int, length: int) -> Series:
    curves = [[learned_average(record, after) for after in range(length)] for record in group.records]
    columns = list(zip(*curves, strict=True))
    mean = tuple(mean_measured(column) for column in columns)
    measured = [[value for value in column if not math.isnan(value)] for column in columns]
    several = len(group.records) > 1
    last = next((value for value in reversed(mean) if not math.isnan(value)), math.nan)
    return Series(
        key=key,
        name=group.label,
        values=mean,
        style=BOUND_STYLE if group.upper_bound else series_style(index),
        note=percent(last),
        low=tuple(min(column, default=math.nan) for column in measured) if several else (),
        high=tuple(max(column, default=math.nan) for column in measured) if several else (),
    )


def _caption(groups: list[Group]) -> str:
    length = max(group.experiences for group in groups)
    parts = ["across: experiences learned; a line starts when its experience is learned, at its number"]
    if length > MOST_LINES:
        parts.append("first, last and quartiles shown, m is the mean over all learned so far")
    if any(len(group.records) > 1 for group in groups):
        parts.append("means over seeds")
    return "; ".join(parts) + "."


def experience_names(labels: Sequence[str]) -> list[str]:
    """Labels of experiences, short enough for a margin.

    Args:
        labels: labels as the scenario gives them.

    Returns:
        The same on one line each, empty where they only repeat the number or are too long.
    """
    shown = []
    for index, label in enumerate(labels):
        text = one_line(label)
        shown.append("" if text == str(index + 1) or len(text) > _LONGEST_NAME else text)
    return shown
