"""The curve of a drifting stream, drawn on the terminal while the stream runs."""

from __future__ import annotations

import time

from rich.console import Console, ConsoleDimensions, ConsoleOptions, RenderResult
from rich.segment import Segment

from morph_cl.experiment.listener import OnlineProgress
from morph_cl.report.prequential import stream_so_far

LEAST_WIDTH = 60
"""Terminals narrower than this get no curve."""

_LEAST_ROWS, _MOST_ROWS = 3, 9  # nine have a tick at every quarter
_OTHER_LINES = 13  # title, drifts, alarms, growths, axis (2), counts (2), bar, figures (3), a free one
_PAUSE = 0.5  # seconds between two drawings at least
_SHARE = 0.01  # of the time, what drawing takes at most


class LiveCurve:
    """The latest drawing of the curve; as high as the terminal has room for, nothing where it has none.

    It is drawn where it is told of the run, so the thread that refreshes the screen only copies lines.

    Args:
        console: the terminal.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.clear()

    def clear(self) -> None:
        """Forget the drawing: another run begins, or the run is over."""
        self._lines: list[list[Segment]] = []
        self._size: ConsoleDimensions | None = None
        self._next = 0.0

    def show(self, online: OnlineProgress) -> None:
        """Draw where a run stands, unless the last drawing is too recent.

        Args:
            online: the look at it.
        """
        started = time.perf_counter()
        size = self.console.size
        rows = min(_MOST_ROWS, size.height - _OTHER_LINES)
        if started < self._next or online.trace is None:
            return
        if size.width < LEAST_WIDTH or rows < _LEAST_ROWS:
            self.clear()
            return
        drawing = stream_so_far(online.trace, online.samples, rows=rows)
        lines = self.console.render_lines(drawing, self.console.options, pad=False)
        self._size, self._lines = size, lines
        ended = time.perf_counter()
        self._next = ended + max(_PAUSE, (ended - started) / _SHARE)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if console.size == self._size:
            for line in self._lines:
                yield from line
                yield Segment.line()
