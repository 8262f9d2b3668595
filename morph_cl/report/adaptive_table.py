"""A table that turns into a list of entries where the console is narrow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

_GAP = 2
_LEAST_SHARE = 12


@dataclass(frozen=True)
class Heading:
    """A column.

    Args:
        name: what stands above it.
        share: its share of the room that the columns of no share leave, 0 for as wide as its content.
        widest: cells at the most, None for no limit.
        right: whether it is flush right.
    """

    name: str
    share: int = 0
    widest: int | None = None
    right: bool = False


class AdaptiveTable:
    """Rows of texts: a table where it fits, else one entry below the other. Nothing is cut off.

    Args:
        headings: the columns; the first one names the row.
        rows: texts, as many as there are columns, empty where there is nothing to say.
        title: a heading, empty for none.
    """

    def __init__(self, headings: Sequence[Heading], rows: Sequence[Sequence[Text]], *, title: str = "") -> None:
        self.headings = list(headings)
        self.rows = [list(row) for row in rows]
        self.title = title

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self.title:
            yield Text(self.title, style="bold")
        if options.max_width >= self._least_width():
            yield self._table()
            return
        for row in self.rows:
            yield Text.assemble(row[0], style="bold", overflow="fold")
            for heading, cell in zip(self.headings[1:], row[1:], strict=True):
                if cell.plain:
                    name = heading.name.replace("-\n", "").replace("\n", " ")
                    entry = Text.assemble((f"{name} ", "dim"), cell, overflow="fold")
                    yield Padding(entry, (0, 0, 0, 2))

    def _least_width(self) -> int:
        """Cells in which a table can be read."""
        total = _GAP * (len(self.headings) - 1)
        for index, heading in enumerate(self.headings):
            cells = [*(row[index].plain for row in self.rows), *heading.name.split("\n")]
            needed = max(map(cell_len, cells))
            total += min(needed, _LEAST_SHARE if heading.share else heading.widest or needed)
        return total

    def _table(self) -> Table:
        table = Table(
            box=box.SIMPLE_HEAD,
            header_style="bold",
            pad_edge=False,
            show_edge=False,
            padding=(0, _GAP - 1, 0, 0),
            expand=any(heading.share for heading in self.headings),
        )
        for heading in self.headings:
            table.add_column(
                heading.name,
                overflow="fold",
                ratio=heading.share or None,
                max_width=heading.widest,
                justify="right" if heading.right else "left",
            )
        for row in self.rows:
            table.add_row(*row)
        return table
