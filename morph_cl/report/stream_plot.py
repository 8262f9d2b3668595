"""A line plot over the samples of a stream, with rows of marks for what happened in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest

from rich.text import Text

from morph_cl.report.axes import Scale
from morph_cl.report.canvas import Canvas
from morph_cl.report.plot import LinePlot, Series


@dataclass(frozen=True)
class Mark:
    """Something that happened in a stream.

    Args:
        position: the sample at which it did.
        glyph: the character that stands there.
        label: what stands behind the character where there is room.
        end: the sample at which it was over; -1 for something that took no time.
        style: its colour.
        name: what stands behind the character in place of the label where there is room for that too.
    """

    position: float
    glyph: str
    label: str = ""
    end: float = -1.0
    style: str = ""
    name: str = ""


@dataclass(frozen=True)
class Lane:
    """A row of marks below a plot.

    Args:
        marks: what happened, in order.
        name: what stands before the row, two characters at the most.
    """

    marks: Sequence[Mark]
    name: str = ""


class StreamPlot(LinePlot):
    """Lines of accuracy over the samples of a stream, as wide as the console.

    Args:
        series: the lines, at least one; the values of each lie at equal distances from sample 0 to the last.
        samples: length of the stream, at least 1.
        drifts: marks with a dotted line through the drawing above them.
        lanes: further rows of marks, one below the other; empty ones are left out.
        title: the heading.
        x_title: what the horizontal axis counts, empty for none.
        rows: height of the drawing in cells, at least 3.
        scale: the vertical scale, by default one that fits the lines.
    """

    def __init__(
        self,
        series: Sequence[Series],
        samples: int,
        *,
        drifts: Sequence[Mark] = (),
        lanes: Sequence[Lane] = (),
        title: str = "",
        x_title: str = "samples",
        rows: int = 13,
        scale: Scale | None = None,
    ) -> None:
        super().__init__(series, title=title, x_title=x_title, rows=rows, scale=scale)
        self.samples = samples
        self.drifts = list(drifts)
        self.lanes = [lane for lane in (Lane(drifts), *lanes) if lane.marks]

    def _pixel(self, canvas: Canvas, position: float) -> int:
        return round(min(position / self.samples, 1.0) * (canvas.width - 1))

    def _draw_behind(self, canvas: Canvas) -> None:
        """The drifts' dotted lines."""
        for mark in self.drifts:
            for y in range(0, canvas.height, 2):
                canvas.dot(self._pixel(canvas, mark.position), y, "dim", "|")

    def _marks(self, canvas: Canvas) -> list[tuple[str, Text]]:
        def cell(position: float) -> int:
            return canvas.cell(self._pixel(canvas, position), 0)[0]

        return [(lane.name, _lane(lane.marks, canvas.columns, cell)) for lane in self.lanes]

    def _tick_labels(self, cells: Sequence[int], room: int) -> dict[int, str]:  # noqa: ARG002
        """Round numbers of samples by their cell, each with room for itself and two spaces."""
        columns = cells[-1] + 1
        step, power = 1, 1
        while True:
            for step in (power, 2 * power, 5 * power):
                labels = (
                    {
                        round(number * (columns - 1) / self.samples): f"{number:,}"
                        for number in range(0, self.samples + 1, step)
                    }
                    if self.samples // step <= columns
                    else {}
                )
                if labels and _apart(labels):
                    return labels
            power *= 10


def _apart(labels: dict[int, str]) -> bool:
    """Whether labels that start at their cells leave two spaces between them."""
    cells = sorted(labels)
    return all(cell + len(labels[cell]) + 2 <= after for cell, after in pairwise(cells))


def _lane(marks: Sequence[Mark], columns: int, cell: Callable[[float], int]) -> Text:
    """A row of marks; a label that would touch the next mark is left out."""
    chars, styles = [" "] * columns, [""] * columns
    for mark, following in zip_longest(marks, marks[1:]):
        start, limit = cell(mark.position), columns if following is None else cell(following.position)
        for column in range(start, min(cell(mark.end) + 1 if mark.end >= 0 else start, limit)):
            chars[column], styles[column] = "─", mark.style
        texts = [mark.glyph + words for words in (mark.name or mark.label, mark.label)]
        text = next((text for text in texts if start + len(text) < limit), mark.glyph)
        for column, char in enumerate(text, start=start):
            chars[column], styles[column] = char, mark.style
    line = Text(no_wrap=True, end="")
    for char, style in zip(chars, styles, strict=True):
        line.append(char, style)
    return line
