"""The accuracy matrix as a heat map that can be read without colour."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.text import Text

from morph_cl.report.ascii import EncodingSafe
from morph_cl.report.curves import experience_names
from morph_cl.report.formats import mean_measured
from morph_cl.report.grouping import Group, group_records
from morph_cl.report.palette import heat_style
from morph_cl.results.record import RunRecord

MOST_ROWS = 30
"""A matrix of more experiences is thinned out to this many."""

_FULL = 0.995  # from here on a percentage has three digits


def accuracy_matrix(record: RunRecord | Sequence[RunRecord], *, ascii_only: bool = False) -> RenderableType:
    """Heat map of R: a row for each experience trained on, a column for each experience tested on.

    Args:
        record: a run, or one strategy's runs over several seeds, of which the mean is shown.
        ascii_only: whether to draw in plain ASCII whatever the terminal knows.

    Returns:
        A renderable as wide as it needs, in blocks of columns where the console is narrower.
    """
    records = [record] if isinstance(record, RunRecord) else list(record)
    group = group_records(records)[0]
    return EncodingSafe(MatrixMap(group), ascii_only=ascii_only)


class MatrixMap:
    """Percentages in coloured cells; right of the staircase stands what was not yet learned, dim.

    Args:
        group: one strategy's runs.
    """

    def __init__(self, group: Group) -> None:
        self.group = group
        self.matrix = group.mean_matrix()
        self.names = experience_names(group.records[0].scenario_info.experiences)
        size = len(self.matrix)
        stride = math.ceil(size / MOST_ROWS)
        self.shown = list(range(0, size, stride))
        if self.shown[-1] != size - 1:
            self.shown.append(size - 1)
        learned = [self.matrix[i][j] for i in range(size) for j in range(i + 1) if not math.isnan(self.matrix[i][j])]
        self.low = min(math.floor(10 * min(learned, default=0.0)) / 10, 0.9)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        yield Text.assemble(("Accuracy matrix of ", "bold"), (self.group.label, "bold"), (" (%)", "bold"))
        yield Text("row: after learning it; column: tested on it; beyond the stairs: not yet learned", style="dim")
        labels = self._row_labels(width)
        cell = self._cell_width(width - cell_len(labels[0]))
        blocks = math.ceil(len(self.shown) / max(1, (width - cell_len(labels[0]) - 1) // cell))
        per_block = math.ceil(len(self.shown) / blocks)
        for start in range(0, len(self.shown), per_block):
            columns = self.shown[start : start + per_block]
            last = columns[-1] == self.shown[-1]
            room = width - cell_len(labels[0]) - 1 - cell * len(columns)
            yield from self._block(columns, labels, cell, options.ascii_only, averages=last and room >= 6)
        yield from self._footer(cell, console.color_system is not None and not console.no_color)

    def _row_labels(self, width: int) -> list[str]:
        """Number and, where there is room, name of each shown experience, all of one width."""
        number_width = len(str(len(self.matrix)))
        names = [self.names[index] if index < len(self.names) else "" for index in self.shown]
        name_width = max(cell_len(name) for name in names)
        if 3 * len(self.shown) + number_width + name_width + 9 > width:
            name_width = 0
        return [
            f"{index + 1:>{number_width}}" + (" " + set_cell_size(name, name_width) if name_width else "")
            for index, name in zip(self.shown, names, strict=True)
        ]

    def _cell_width(self, room: int) -> int:
        widest = 5 if len(self.shown) <= 12 else 4
        return max(3, min(widest, (room - 1) // len(self.shown)))

    def _block(
        self, columns: list[int], labels: list[str], cell: int, ascii_only: bool, *, averages: bool
    ) -> list[Text]:
        heading = Text(" " * (cell_len(labels[0]) + 1), no_wrap=True, style="dim")
        for on in columns:
            number = str(on + 1)
            heading.append(f"{number if len(number) < cell else '':>{cell}}")
        if averages:
            heading.append("   avg")
        return [
            heading,
            *(
                self._row(after, columns, label, cell, ascii_only, averages=averages)
                for after, label in zip(self.shown, labels, strict=True)
            ),
        ]

    def _row(self, after: int, columns: list[int], label: str, cell: int, ascii_only: bool, *, averages: bool) -> Text:
        stair = "|" if ascii_only else "│"
        line = Text(no_wrap=True)
        line.append(label, "dim")
        line.append(" " if columns[0] <= after else stair, "bold")
        for position, on in enumerate(columns):
            value = self.matrix[after][on]
            text = f"{_two_digits(value, cell):>{cell - 1}}"
            learned = on <= after
            style = "dim" if not learned or math.isnan(value) else heat_style((value - self.low) / (1 - self.low))
            edge = learned and (position + 1 == len(columns) or columns[position + 1] > after)
            line.append(text, style)
            line.append(stair if edge else " ", "bold" if edge else style)
        if averages:
            line.append(f"{_two_digits(mean_measured(self.matrix[after][: after + 1]), 4):>6}", "bold")
        return line

    def _footer(self, cell: int, colour: bool) -> list[Text]:
        lines = []
        if colour:
            scale = Text(f"{round(100 * self.low)} ", style="dim")
            for step in range(16):
                scale.append(" ", heat_style(step / 15))
            scale.append(" 100", "dim")
            lines.append(scale)
        notes = []
        if len(self.shown) < len(self.matrix):
            notes.append(f"one experience in {self.shown[1] - self.shown[0]} is shown, and the last")
        shown = [self.matrix[after][on] for after in self.shown for on in self.shown]
        if cell == 3 and any(value >= _FULL for value in shown):
            notes.append("99 stands for 99 and more")
        if len(self.group.records) > 1:
            notes.append(f"means over {len(self.group.records)} seeds")
        if notes:
            lines.append(Text("; ".join(notes), style="dim"))
        return lines


def _two_digits(value: float, cell: int) -> str:
    """A percentage that leaves one of ``cell`` cells free."""
    if math.isnan(value):
        return "--"
    return str(min(99, round(100 * value)) if cell == 3 else round(100 * value))
