"""A raster of braille dots (2x4 a character cell), or of plain characters where only ASCII can be shown."""

from __future__ import annotations

from rich.text import Text

_BRAILLE = 0x2800
_DOTS = ((0x40, 0x80), (0x04, 0x20), (0x02, 0x10), (0x01, 0x08))
"""Bits of a braille cell's dots, by row from the bottom and by column."""


class Canvas:
    """A grid of character cells to draw on: pixel (0, 0) at the bottom left, the last one drawn on top.

    Args:
        columns: width in cells, at least 1.
        rows: height in cells, at least 1.
        ascii_only: one pixel a cell, drawn as a character, instead of eight.
    """

    def __init__(self, columns: int, rows: int, *, ascii_only: bool = False) -> None:
        self.columns = columns
        self.rows = rows
        self._across, self._up = (1, 1) if ascii_only else (2, 4)
        self.width = columns * self._across
        self.height = rows * self._up
        self._ascii = ascii_only
        self._dots = [[0] * columns for _ in range(rows)]
        self._text: dict[tuple[int, int], str] = {}
        self._styles: dict[tuple[int, int], str] = {}

    def dot(self, x: int, y: int, style: str = "", glyph: str = ".") -> None:
        """Set one pixel; one that lies outside is left out.

        Args:
            x: pixels from the left.
            y: pixels from the bottom.
            style: the colour that the whole cell takes.
            glyph: the character that stands for it in ASCII.
        """
        if not (0 <= x < self.width and 0 <= y < self.height):
            return
        column, row = self.cell(x, y)
        if self._ascii:
            self._text[row, column] = glyph
        else:
            self._dots[row][column] |= _DOTS[y % 4][x % 2]
        self._styles[row, column] = style

    def line(self, start: tuple[int, int], end: tuple[int, int], style: str = "", glyph: str = ".") -> None:
        """Draw a straight line by Bresenham's algorithm, both ends included.

        Args:
            start: (x, y) of the first pixel.
            end: (x, y) of the last pixel.
            style: its colour.
            glyph: its character in ASCII.
        """
        (x, y), (last_x, last_y) = start, end
        wide, high = abs(last_x - x), abs(last_y - y)
        right, up = (1 if last_x >= x else -1), (1 if last_y >= y else -1)
        error = wide - high
        while True:
            self.dot(x, y, style, glyph)
            if (x, y) == (last_x, last_y):
                return
            doubled = 2 * error
            if doubled > -high:
                error -= high
                x += right
            if doubled < wide:
                error += wide
                y += up

    def cell(self, x: int, y: int) -> tuple[int, int]:
        """The cell of a pixel.

        Args:
            x: pixels from the left.
            y: pixels from the bottom.

        Returns:
            (column from the left, row from the top).
        """
        return x // self._across, self.rows - 1 - y // self._up

    def write(self, column: int, row: int, text: str, style: str = "") -> None:
        """Put characters over whatever is drawn there; what lies outside is left out.

        Args:
            column: cells from the left.
            row: cells from the top.
            text: characters of one cell each.
            style: their style.
        """
        for position, char in enumerate(text, start=column):
            if 0 <= position < self.columns and 0 <= row < self.rows:
                self._text[row, position] = char
                self._styles[row, position] = style

    def lines(self) -> list[Text]:
        """The drawing, one text of exactly ``columns`` cells a row, from the top."""
        drawing = []
        for row in range(self.rows):
            line = Text(no_wrap=True, end="")
            for column in range(self.columns):
                line.append(self._char(row, column), self._styles.get((row, column), ""))
            drawing.append(line)
        return drawing

    def _char(self, row: int, column: int) -> str:
        dots = self._dots[row][column]
        return self._text.get((row, column), chr(_BRAILLE + dots) if dots else " ")
