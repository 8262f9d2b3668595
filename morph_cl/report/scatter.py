"""Points in a plane as a rich renderable: accuracy against a cost on a logarithmic axis."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.text import Text

from morph_cl.report.axes import Scale
from morph_cl.report.canvas import Canvas

LEAST_WIDTH = 24
_LEAST_DECADES = 0.4  # wide enough to hold one of 1, 2 and 5 times a power of ten


@dataclass(frozen=True)
class Point:
    """One mark.

    Args:
        key: the character that stands for it.
        x: the cost, positive.
        y: a fraction.
        style: its colour.
    """

    key: str
    x: float
    y: float
    style: str = ""


class ScatterPlot:
    """Marks by accuracy and cost, as wide as the console.

    Args:
        points: the marks, at least one; of two on one place the first is seen.
        title: the heading.
        scale: the vertical scale.
        show: a cost as text.
        rows: height of the drawing in cells.
    """

    def __init__(
        self, points: Sequence[Point], *, title: str, scale: Scale, show: Callable[[float], str], rows: int = 11
    ) -> None:
        self.points = list(points)
        self.title = title
        self.scale = scale
        self.show = show
        self.rows = rows
        logs = [math.log10(point.x) for point in self.points]
        missing = max(0.0, _LEAST_DECADES - (max(logs) - min(logs))) / 2
        self.low, self.high = min(logs) - missing, max(logs) + missing

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(min(LEAST_WIDTH, options.max_width), options.max_width)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(self.title, style="bold", overflow="fold")
        if options.max_width < LEAST_WIDTH:
            yield Text(f"(the plot needs {LEAST_WIDTH} columns)", style="dim", overflow="fold")
            return
        ticks = {
            self.rows - 1 - self.scale.pixel(value, self.rows): f"{round(100 * value)}%" for value in self.scale.ticks()
        }
        left = max(map(len, ticks.values()))
        canvas = Canvas(options.max_width - left - 1, self.rows, ascii_only=options.ascii_only)
        for point in reversed(self.points):
            row = self.rows - 1 - self.scale.pixel(point.y, self.rows)
            canvas.write(self._column(point.x, canvas.columns), row, point.key, f"bold {point.style}".strip())
        edge, tick = ("|", "+") if options.ascii_only else ("│", "┤")
        for row, line in enumerate(canvas.lines()):
            axis = Text(f"{ticks.get(row, ''):>{left}}{tick if row in ticks else edge}", style="dim", end="")
            yield Text.assemble(axis, line, no_wrap=True)
        yield from self._floor(left, canvas.columns, options.ascii_only)

    def _column(self, x: float, columns: int) -> int:
        return round((math.log10(x) - self.low) / (self.high - self.low) * (columns - 1))

    def _floor(self, left: int, columns: int, ascii_only: bool) -> RenderResult:
        corner, dash, tick = ("+", "-", "+") if ascii_only else ("└", "─", "┴")
        marks, labels, free = [dash] * columns, [" "] * columns, 0
        for value in self._ticks():
            column, text = self._column(value, columns), self.show(value)
            start = min(max(0, column - len(text) // 2), columns - len(text))
            if start < free:
                continue
            marks[column] = tick
            labels[start : start + len(text)] = text
            free = start + len(text) + 1
        yield Text(" " * left + corner + "".join(marks), style="dim", no_wrap=True)
        yield Text(" " * (left + 1) + "".join(labels).rstrip(), style="dim", no_wrap=True)

    def _ticks(self) -> list[float]:
        decades = range(math.floor(self.low), math.ceil(self.high) + 1)
        values = [step * 10.0**decade for decade in decades for step in (1, 2, 5)]
        return [value for value in values if self.low <= math.log10(value) <= self.high]
