"""A grey image as characters, readable without colour."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

_SHADES = " ░▒▓█"
_ASCII_SHADES = " .:-=+*#%@"
_WIDEST = 32  # columns that a picture takes at the most


class Picture:
    """One character for two pixels, one above the other: a character is about twice as high as wide.

    Args:
        rows: grey values in 0..255, rows of one length.
    """

    def __init__(self, rows: Sequence[Sequence[int]]) -> None:
        self.rows = [list(row) for row in rows]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        shades = _ASCII_SHADES if options.ascii_only else _SHADES
        width, height = len(self.rows[0]), len(self.rows)
        columns = min(width, _WIDEST, options.max_width)
        lines = max(1, round(height * columns / width / 2))
        for top, bottom in pairwise(_cuts(height, lines)):
            line = "".join(
                shades[min(int(self._mean(top, bottom, left, right) / 256 * len(shades)), len(shades) - 1)]
                for left, right in pairwise(_cuts(width, columns))
            )
            yield Text(line, no_wrap=True)

    def _mean(self, top: int, bottom: int, left: int, right: int) -> float:
        values = [value for row in self.rows[top : max(bottom, top + 1)] for value in row[left : max(right, left + 1)]]
        return sum(values) / len(values)


def _cuts(size: int, parts: int) -> list[int]:
    return [round(size * part / parts) for part in range(parts + 1)]
