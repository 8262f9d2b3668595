"""A heat map of any table of figures, readable without colour, in blocks where the console is narrow."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from morph_cl.report.palette import heat_style


@dataclass(frozen=True)
class Grid:
    """What a heat map shows.

    Args:
        title: its heading.
        note: what rows, columns and cells are.
        rows: a name for each row.
        columns: a short name for each column.
        cells: (rows, columns) texts.
        heat: (rows, columns) where each lies on the colour scale, in [0, 1]; NaN for no colour.
    """

    title: str
    note: str
    rows: Sequence[str]
    columns: Sequence[str]
    cells: Sequence[Sequence[str]]
    heat: Sequence[Sequence[float]]


class GridMap:
    """Texts in coloured cells.

    Args:
        grid: what to show, at least one row and column.
    """

    def __init__(self, grid: Grid) -> None:
        self.grid = grid

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        grid, width = self.grid, options.max_width
        yield Text(grid.title, style="bold", overflow="fold")
        yield Text(grid.note, style="dim", overflow="fold")
        names, legend = _margin(grid.rows, width // 3)
        cell = 1 + max(map(cell_len, (*grid.columns, *(text for row in grid.cells for text in row))))
        each = max(1, (width - cell_len(names[0])) // cell)
        for start in range(0, len(grid.columns), each):
            yield from self._block(names, range(start, min(start + each, len(grid.columns))), cell)
        if legend:
            yield Text("; ".join(legend), style="dim", overflow="fold")

    def _block(self, names: Sequence[str], columns: range, cell: int) -> Iterator[Text]:
        heading = "".join(f"{self.grid.columns[column]:>{cell}}" for column in columns)
        yield Text(" " * cell_len(names[0]) + heading, style="dim", no_wrap=True)
        for name, texts, heat in zip(names, self.grid.cells, self.grid.heat, strict=True):
            line = Text.assemble((name, "dim"), no_wrap=True)
            for column in columns:
                style = "dim" if math.isnan(heat[column]) else heat_style(heat[column])
                line.append(f"{texts[column]:>{cell}}", style)
            yield line


def _margin(names: Sequence[str], room: int) -> tuple[list[str], list[str]]:
    """Names of one width, or numbers for them and what the numbers stand for."""
    longest = max(map(cell_len, names))
    if longest <= room:
        return [set_cell_size(name, longest) for name in names], []
    digits = len(str(len(names)))
    numbers = [f"{number:>{digits}}" for number in range(1, len(names) + 1)]
    return numbers, [f"{number.strip()} is {name}" for number, name in zip(numbers, names, strict=True)]
