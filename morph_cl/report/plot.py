"""A line plot as a rich renderable: accuracies in per cent over experiences."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.text import Text

from morph_cl.report.axes import Scale, accuracy_scale, spread_columns, spread_rows, tick_numbers
from morph_cl.report.canvas import Canvas

LEAST_WIDTH = 24
_KEY_DISTANCE = 5  # cells between the keys of two series that run along the same line


@dataclass(frozen=True)
class Series:
    """One line of a plot.

    Args:
        key: one or two ASCII characters that mark the line.
        name: what the line is.
        values: (T,): a fraction for each experience, NaN where not measured.
        style: its colour.
        note: what stands behind its name, such as the last value.
        low: (T,): lower edge of its band, empty for none.
        high: (T,): upper edge of its band.
        key_along: whether the key is repeated along the line or stands at its first point only.
        glyph: the character of its line in ASCII, its key in lower case where empty.
    """

    key: str
    name: str
    values: tuple[float, ...]
    style: str = ""
    note: str = ""
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    key_along: bool = True
    glyph: str = ""

    def measured(self) -> list[int]:
        """Indices of the measured values."""
        return [index for index, value in enumerate(self.values) if not math.isnan(value)]


class LinePlot:
    """Lines of accuracy over experiences 1 to T, as wide as the console.

    Args:
        series: the lines, at least one; all of the same length T, at least 1. The first lies on top.
        title: the heading, empty for none.
        x_title: what the horizontal axis counts, empty for none.
        rows: height of the drawing in cells, at least 3.
        scale: the vertical scale, by default one that fits the lines.
    """

    def __init__(
        self,
        series: Sequence[Series],
        *,
        title: str = "",
        x_title: str = "",
        rows: int = 12,
        scale: Scale | None = None,
    ) -> None:
        self.series = list(series)
        self.title = title
        self.x_title = x_title
        self.rows = rows
        self.scale = scale or accuracy_scale(all_values(self.series), rows)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(min(LEAST_WIDTH, options.max_width), options.max_width)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        if self.title:
            yield Text(self.title, style="bold", overflow="fold")
        if width < LEAST_WIDTH:
            yield Text(f"(the curves need {LEAST_WIDTH} columns)", style="dim", overflow="fold")
        else:
            yield from self._drawing(width, options.ascii_only)
        if width < LEAST_WIDTH or not self._named_in_gutter(width):
            yield self._legend()

    def _drawing(self, width: int, ascii_only: bool) -> Iterator[Text]:
        ticks = {
            self.rows - 1 - self.scale.pixel(value, self.rows): f"{round(100 * value)}%" for value in self.scale.ticks()
        }
        left = max(len(text) for text in ticks.values())
        gutter = self._gutter(width)
        gutter_width = max((cell_len(text.plain) for text in gutter.values()), default=0)
        columns = width - left - 1 - gutter_width
        canvas = Canvas(columns, self.rows, ascii_only=ascii_only)
        places = spread_columns(len(self.series[0].values), canvas.width)
        self._draw_behind(canvas)
        self._draw(canvas, places)
        edge, tick = ("|", "+") if ascii_only else ("│", "┤")
        marks = self._marks(canvas)
        names = ticks | {self.rows + row: name for row, (name, _) in enumerate(marks)}
        for row, line in enumerate([*canvas.lines(), *(line for _, line in marks)]):
            axis = Text(f"{names.get(row, ''):>{left}}{tick if row in ticks else edge}", style="dim", end="")
            yield Text.assemble(axis, line, gutter.get(row, ""), no_wrap=True)
        cells = [canvas.cell(place, 0)[0] for place in places]
        yield from self._floor(left, cells, columns, width - left - 1, ascii_only)

    def _floor(self, left: int, cells: list[int], columns: int, room: int, ascii_only: bool) -> Iterator[Text]:
        """The horizontal axis, its numbers and its title."""
        corner, dash, tick = ("+", "-", "+") if ascii_only else ("└", "─", "┴")
        marks, labels = [dash] * columns, [" "] * room
        for cell, label in self._tick_labels(cells, room).items():
            marks[cell] = tick
            start = min(cell, room - len(label))
            labels[start : start + len(label)] = label
        yield Text(" " * left + corner + "".join(marks), style="dim", no_wrap=True)
        yield Text(" " * (left + 1) + "".join(labels).rstrip(), style="dim", no_wrap=True)
        if self.x_title:
            title = self.x_title[:columns]
            yield Text(" " * (left + 1 + (columns - len(title)) // 2) + title, style="dim", no_wrap=True)

    def _tick_labels(self, cells: Sequence[int], room: int) -> dict[int, str]:
        """What stands below the horizontal axis, by cell."""
        return {cells[number - 1]: str(number) for number in tick_numbers(cells, room)}

    def _draw_behind(self, canvas: Canvas) -> None:
        """What the lines are drawn over."""

    def _marks(self, canvas: Canvas) -> list[tuple[str, Text]]:  # noqa: ARG002
        """Rows between the drawing and its horizontal axis: what each is called, two characters at the most."""
        return []

    def _draw(self, canvas: Canvas, places: list[int]) -> None:
        for series in reversed(self.series):
            _draw_band(canvas, places, series, self.scale)
        for series in reversed(self.series):
            _draw_line(canvas, places, series, self.scale)
        taken: set[tuple[int, int]] = set()
        for index, series in enumerate(self.series):
            for column, row in self._key_cells(canvas, places, index):
                free = _nearest_free(column, row, len(series.key), taken, canvas.columns)
                taken.update((free + k, row) for k in range(len(series.key)))
                canvas.write(free, row, series.key, f"bold {series.style}".strip())

    def _key_cells(self, canvas: Canvas, places: list[int], index: int) -> list[tuple[int, int]]:
        """Where the key of a series stands: at its first point, or every so often, each series in turn."""
        series = self.series[index]
        measured = series.measured()
        if not measured:
            return []
        first = canvas.cell(places[measured[0]], self.scale.pixel(series.values[measured[0]], canvas.height))
        if not series.key_along:
            return [first]
        period = _KEY_DISTANCE * max(2, len(self.series))
        turn = _KEY_DISTANCE * index + 2
        cells: list[tuple[int, int]] = []
        for before, after in pairwise(measured):
            if after != before + 1:
                continue
            for x in range(places[before], places[after]):
                share = (x - places[before]) / (places[after] - places[before])
                value = series.values[before] + share * (series.values[after] - series.values[before])
                cell = canvas.cell(x, self.scale.pixel(value, canvas.height))
                if cell[0] % period == turn and (not cells or cells[-1][0] != cell[0]):
                    cells.append(cell)
        return cells or [first]

    def _named_in_gutter(self, width: int) -> bool:
        longest = max(cell_len(_label(series).plain) for series in self.series)
        return len(self.series) <= self.rows and width >= 36 and longest <= width // 3

    def _gutter(self, width: int) -> dict[int, Text]:
        """What stands at the right, by row: key and name, or the key alone where names are too long."""
        shown = sorted((series for series in self.series if series.measured()), key=_last_value, reverse=True)
        if len(shown) > self.rows:
            return {}
        named = self._named_in_gutter(width)
        wanted = [self.rows - 1 - self.scale.pixel(_last_value(series), self.rows) for series in shown]
        texts = [_label(series) if named else Text(series.key, style=f"bold {series.style}") for series in shown]
        return {row: Text.assemble(" ", text) for row, text in zip(spread_rows(wanted, self.rows), texts, strict=True)}

    def _legend(self) -> Text:
        return Text("   ", overflow="fold").join([_label(series) for series in self.series])


def all_values(series: Sequence[Series]) -> list[float]:
    """Every value of some lines and of their bands.

    Args:
        series: the lines.

    Returns:
        The values, NaN among them where not measured.
    """
    return [value for line in series for value in (*line.values, *line.low, *line.high)]


def _last_value(series: Series) -> float:
    return series.values[series.measured()[-1]]


def _label(series: Series) -> Text:
    return Text.assemble(
        (series.key, f"bold {series.style}".strip()),
        (f" {series.name}" if series.name else "", series.style),
        (f" {series.note}" if series.note else "", f"bold {series.style}".strip()),
    )


def _draw_line(canvas: Canvas, places: list[int], series: Series, scale: Scale) -> None:
    glyph = series.glyph or series.key[0].lower()
    previous: tuple[int, tuple[int, int]] | None = None
    for index in series.measured():
        point = (places[index], scale.pixel(series.values[index], canvas.height))
        adjacent = previous is not None and previous[0] == index - 1
        canvas.line(previous[1] if previous is not None and adjacent else point, point, series.style, glyph)
        previous = (index, point)


def _draw_band(canvas: Canvas, places: list[int], series: Series, scale: Scale) -> None:
    """The range over seeds: a sparse pattern of dots, in ASCII a bar at each point."""
    if not (series.low and series.high):
        return
    dotted = canvas.width > canvas.columns
    for index, (low, high) in enumerate(zip(series.low, series.high, strict=True)):
        if math.isnan(low) or math.isnan(high):
            continue
        last = index + 1 == len(series.low) or math.isnan(series.low[index + 1]) or math.isnan(series.high[index + 1])
        end = places[index] + 1 if last or not dotted else places[index + 1]
        for x in range(places[index], end):
            share = 0.0 if end == places[index] + 1 else (x - places[index]) / (end - places[index])
            bottom = low if last else low + share * (series.low[index + 1] - low)
            top = high if last else high + share * (series.high[index + 1] - high)
            for y in range(scale.pixel(bottom, canvas.height), scale.pixel(top, canvas.height) + 1):
                if not dotted or (x % 4 == 0 and y % 2 == 0) or (x % 4 == 2 and y % 2 == 1):
                    canvas.dot(x, y, f"dim {series.style}".strip(), ":")


def _nearest_free(column: int, row: int, length: int, taken: set[tuple[int, int]], columns: int) -> int:
    """The nearest column at which a key lies on no other key; the wanted one if there is none."""
    limit = max(columns - length, 0)
    for distance in range(columns):
        for candidate in (column + distance, column - distance):
            place = min(candidate, limit)
            if place >= 0 and not any((place + k, row) in taken for k in range(length)):
                return place
    return min(column, limit)
