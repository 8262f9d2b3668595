"""The table of a comparison and the heading of a run."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.text import Text

from morph_cl.report.ascii import EncodingSafe
from morph_cl.report.grouping import Group, group_records, same_stream
from morph_cl.report.summary import Column, columns_for
from morph_cl.results.record import RunRecord

OTHER_STREAMS = "These runs did not all meet the same stream and data: compare with care."
"""What is said below figures that cannot be compared."""

_GAP = 2
_LEAST_NAME = 8


def summary_table(records: Sequence[RunRecord], *, ascii_only: bool = False) -> RenderableType:
    """One row a strategy: accuracy, forgetting, transfer, memory and time.

    Args:
        records: runs, at least one; those that differ only by their seed make one row: mean, 95 % interval.
        ascii_only: whether to draw in plain ASCII whatever the terminal knows.

    Returns:
        A renderable. Where the console is too narrow for all columns the rest goes below, nothing is cut off.
    """
    return EncodingSafe(SummaryTable(group_records(records)), ascii_only=ascii_only)


class FigureTable:
    """Columns in blocks as wide as the console, the groups' names before each block.

    Args:
        groups: the rows, at least one.
        columns: their figures.
    """

    corner = ""
    """What the groups are, above their names."""

    marked_style = "bold green"
    """How a marked figure is shown in colour."""

    def __init__(self, groups: Sequence[Group], columns: Sequence[Column]) -> None:
        self.groups = list(groups)
        self.columns = list(columns)

    def notes(self, colour: bool, ascii_only: bool) -> list[str]:
        """Lines below the table.

        Args:
            colour: whether the console shows colours.
            ascii_only: whether it shows nothing but ASCII.
        """
        raise NotImplementedError

    def mark(self, colour: bool) -> str:
        """What stands before a marked figure.

        Args:
            colour: whether the console shows colours, which mark enough.
        """
        return "" if colour else "*"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        colour = console.color_system is not None and not console.no_color
        cells = [self._cells(column, options.ascii_only, self.mark(colour)) for column in self.columns]
        widths = [
            max(cell_len(text) for text in [*column.heading.split("\n"), *texts])
            for column, (texts, _) in zip(self.columns, cells, strict=True)
        ]
        names = [group.label + (" ^" if group.upper_bound else "") for group in self.groups]
        name_width = _name_width(names, widths, options.max_width)
        folded = [Text(name).wrap(console, name_width, overflow="fold") for name in names]
        for number, block in enumerate(_blocks(widths, options.max_width - name_width)):
            if number:
                yield Text("")
            yield from self._heading(block, widths, name_width)
            ruled = name_width + sum(_GAP + widths[index] for index in block)
            yield Text(("-" if options.ascii_only else "─") * ruled, style="dim", no_wrap=True)
            for row, lines in enumerate(folded):
                for position, name in enumerate(lines):
                    yield self._line(row, name, position, block, cells, widths, name_width)
        for note in self.notes(colour, options.ascii_only):
            yield Text(note, style="dim")

    def _cells(self, column: Column, ascii_only: bool, mark: str) -> tuple[list[str], set[int]]:
        """Texts of one column, and the rows that hold the best value."""
        best = column.best(self.groups)
        texts, marked = [], set()
        for row, group in enumerate(self.groups):
            text = column.cell(column.over(group), "+-" if ascii_only else "±")
            if group.label in best:
                marked.add(row)
                text = mark + text
            texts.append(text)
        return texts, marked

    def _heading(self, block: list[int], widths: list[int], name_width: int) -> list[Text]:
        lines = []
        for line in (0, 1):
            text = Text(self.corner[:name_width].ljust(name_width) if line else " " * name_width, no_wrap=True)
            for index in block:
                parts = ["", *self.columns[index].heading.split("\n")][-2:]
                text.append(" " * _GAP + f"{parts[line]:>{widths[index]}}")
            text.stylize("bold")
            lines.append(text)
        return lines

    def _line(
        self,
        row: int,
        name: Text,
        position: int,
        block: list[int],
        cells: list[tuple[list[str], set[int]]],
        widths: list[int],
        name_width: int,
    ) -> Text:
        """One line of a row; a long name goes on in lines without figures."""
        bound = "dim" if self.groups[row].upper_bound else ""
        line = Text(no_wrap=True, style=bound)
        line.append(name.plain.rstrip() + " " * (name_width - cell_len(name.plain.rstrip())))
        if position:
            return line
        for index in block:
            texts, best = cells[index]
            line.append(" " * (_GAP + widths[index] - cell_len(texts[row])))
            line.append(texts[row], self.marked_style if row in best else "")
        return line


class SummaryTable(FigureTable):
    """One row a strategy, the best of each column marked.

    Args:
        groups: the strategies, at least one.
    """

    corner = "strategy"

    def __init__(self, groups: Sequence[Group]) -> None:
        super().__init__(groups, columns_for(groups))

    def notes(self, colour: bool, ascii_only: bool) -> list[str]:
        """The units, what the interval and the marks mean, and what forbids a comparison.

        Args:
            colour: whether the console shows colours.
            ascii_only: whether it shows nothing but ASCII.
        """
        plus_minus = "+-" if ascii_only else "±"
        seeds = sorted({len(group.records) for group in self.groups})
        notes = ["Accuracies, forgetting and transfer in per cent."]
        if seeds[-1] > 1:
            count = str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
            notes.append(f"Mean {plus_minus} half-width of the 95 % interval over {count} seeds.")
        if any(self._cells(column, ascii_only, "")[1] for column in self.columns):
            notes.append("Best of a column: " + ("bold." if colour else "*."))
        lines = [" ".join(notes)]
        if any(group.upper_bound for group in self.groups):
            lines.append("^ upper bound: may use all past data; no rival, so never marked as best.")
        if not same_stream(self.groups):
            lines.append(OTHER_STREAMS)
        return lines


def _name_width(names: list[str], widths: list[int], room: int) -> int:
    """Cells for the names: all that they want where that leaves room for the five columns that matter most."""
    wanted = max(_LEAST_NAME, *(cell_len(name) for name in names))
    left = room - sum(_GAP + width for width in widths)
    longest_word = max(cell_len(word) for name in names for word in name.split())
    if max(_LEAST_NAME, longest_word) <= left:
        return min(wanted, left)  # one block, with names folded between words at the most
    core = sum(_GAP + width for width in widths[:5])
    return min(wanted, max(room - core, room // 3, 1))


def _blocks(widths: list[int], room: int) -> list[list[int]]:
    """Columns in order, in blocks that fit; each block takes at least one column."""
    blocks: list[list[int]] = [[]]
    used = 0
    for index, width in enumerate(widths):
        if blocks[-1] and used + _GAP + width > room:
            blocks.append([])
            used = 0
        blocks[-1].append(index)
        used += _GAP + width
    return blocks
