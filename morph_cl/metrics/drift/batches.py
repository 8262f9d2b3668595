"""Whole batches of a trace by where they lie in the stream.

A trace counts right predictions by batch, so every figure is over whole batches: a batch that a drift cuts in two is
of neither concept and belongs to no window before or after that drift.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import accumulate

from morph_cl.results.prequential import Trace


class Batches:
    """Where batches lie and how many predictions for them were right.

    Args:
        trace: a prequential trace.
    """

    def __init__(self, trace: Trace) -> None:
        self.edges = trace.edges  # (batches + 1,)
        self._hits = list(accumulate(trace.correct, initial=0))

    def within(self, start: int, end: int) -> range:
        """The batches that lie wholly within samples ``start..end``.

        Args:
            start: the first sample.
            end: the first sample after it.

        Returns:
            Their indices.
        """
        first, last = bisect_left(self.edges, start), bisect_right(self.edges, end) - 1
        return range(first, max(first, last))

    def window_end(self, first: int, size: int) -> int:
        """Where a window ends: it takes the fewest batches from the first on that hold so many samples.

        Args:
            first: index of its first batch.
            size: samples that it holds at least.

        Returns:
            Index of the first batch after it; more than the number of batches where the stream is over before.
        """
        return bisect_left(self.edges, self.edges[first] + size)

    def samples(self, first: int, end: int) -> int:
        """Samples of the batches ``first..end``, the end excluded."""
        return self.edges[end] - self.edges[first]

    def correct(self, first: int, end: int) -> int:
        """Right predictions for the batches ``first..end``, the end excluded."""
        return self._hits[end] - self._hits[first]

    def accuracy(self, first: int, end: int) -> float:
        """Accuracy over the batches ``first..end``, the end excluded, of which there is at least one."""
        return self.correct(first, end) / self.samples(first, end)
