"""Plain ASCII for terminals and pipes that take nothing else."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.segment import Segment

_SAME_WIDTH = {
    0xB1: "~",
    0xB0: "d",
    0x2013: "-",
    0x2014: "-",
    0x2026: ".",
    0xD7: "x",
    0x2265: ">",
    0x2264: "<",
    0x25B2: "^",
    0x2500: "-",
}
"""Plus-minus, degree, dashes, ellipsis, times, the two comparisons, the mark of a drift and its duration."""


class EncodingSafe:
    """Shows a renderable in ASCII where that was asked for or the terminal's encoding knows no more.

    The renderables of this package look at ``options.ascii_only`` and draw themselves accordingly; whatever
    is still not ASCII, such as a label of the user's, is replaced here by characters of the same width.

    Args:
        renderable: what to show.
        ascii_only: ASCII even where the terminal knows more.
    """

    def __init__(self, renderable: RenderableType, *, ascii_only: bool = False) -> None:
        self.renderable = renderable
        self.ascii_only = ascii_only

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if not (self.ascii_only or options.ascii_only):
            yield self.renderable
            return
        options = options.copy()
        options.encoding = "ascii"
        yield from _to_ascii(console.render(self.renderable, options))

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement.get(console, options, self.renderable)


def _to_ascii(segments: Iterable[Segment]) -> Iterable[Segment]:
    for segment in segments:
        yield (segment if segment.control or segment.text.isascii() else segment._replace(text=to_ascii(segment.text)))


def to_ascii(text: str) -> str:
    """The nearest ASCII text of the same width.

    Args:
        text: any text.

    Returns:
        Accents dropped, known signs replaced, everything else a question mark for each cell.
    """
    return "".join(char if char.isascii() else _nearest(char) for char in text.translate(_SAME_WIDTH))


def _nearest(char: str) -> str:
    width = cell_len(char)
    plain = "".join(part for part in unicodedata.normalize("NFKD", char) if part.isascii())
    return plain if len(plain) == width else "?" * width
