"""Scales of a plot: where the ticks are and what they say."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5)
_LEAST_SPAN = 0.04


@dataclass(frozen=True)
class Scale:
    """The vertical scale, in fractions.

    Args:
        low: the value at the bottom.
        high: the value at the top.
        step: the distance of the ticks.
    """

    low: float
    high: float
    step: float

    def ticks(self) -> list[float]:
        """The values of the ticks, from the bottom."""
        return [self.low + k * self.step for k in range(round((self.high - self.low) / self.step) + 1)]

    def pixel(self, value: float, pixels: int) -> int:
        """The pixel row of a value, clipped to the scale.

        Args:
            value: a fraction.
            pixels: the height of the plot in pixels.

        Returns:
            Pixels from the bottom, in [0, pixels).
        """
        share = min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)
        return round(share * (pixels - 1))


def accuracy_scale(values: Iterable[float], rows: int) -> Scale:
    """A scale that holds all values, its ends on round figures.

    Args:
        values: accuracies in [0, 1], NaN where not measured.
        rows: the height of the plot in cells; a tick takes two of them at least.

    Returns:
        The scale, within 0 to 1; all of it where nothing was measured.
    """
    measured = [value for value in values if not math.isnan(value)]
    low, high = (min(measured), max(measured)) if measured else (0.0, 1.0)
    if high - low < _LEAST_SPAN:  # flat lines are shown flat, not blown up
        middle = (low + high) / 2
        low, high = max(0.0, middle - _LEAST_SPAN / 2), min(1.0, middle + _LEAST_SPAN / 2)
    # A number of steps that divides the rows puts all ticks at equal distances.
    even = [count for count in range(1, max(2, min(7, rows // 2 + 1))) if (rows - 1) % count == 0]
    for step in _STEPS:
        bottom, top = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        count = next((count for count in even if count >= top - bottom), 0)
        bottom = max(0, min(bottom, top - count))
        if count and round((bottom + count) * step, 9) <= 1:
            return Scale(bottom * step, (bottom + count) * step, step)
    return Scale(0.0, 1.0, 1.0)


def spread_columns(count: int, width: int) -> list[int]:
    """Where points with equal distances lie on the horizontal axis.

    Args:
        count: number of points, at least 1.
        width: pixels or cells.

    Returns:
        A position in [0, width) for each point; the middle for one alone.
    """
    if count == 1:
        return [(width - 1) // 2]
    return [round(index * (width - 1) / (count - 1)) for index in range(count)]


def tick_numbers(columns: Sequence[int], width: int) -> list[int]:
    """Which of the points carry their number, from 1: all if there is room, else round ones.

    Args:
        columns: the cell of each point.
        width: cells in which the numbers must end.

    Returns:
        The numbers, from 1; the first always, each with room for itself and a space.
    """
    count = len(columns)
    starts = [min(column, width - len(str(number))) for number, column in enumerate(columns, start=1)]
    need = len(str(count)) + 1
    for step in (1, 5, 10, 20, 50, 100, 200, 500):
        numbers = [1, *range(step, count + 1, step)] if step > 1 else list(range(1, count + 1))
        if step > 1 and len(numbers) > 1 and starts[numbers[1] - 1] - starts[0] < need:
            numbers.pop(1)
        places = [starts[number - 1] for number in numbers]
        if all(after - before >= need for before, after in pairwise(places)):
            return numbers
    return [1]


def spread_rows(wanted: Sequence[int], rows: int) -> list[int]:
    """Rows for labels that must not lie on one another, near where they are wanted.

    Args:
        wanted: the row of each label from the top, ascending, in [0, rows); at most ``rows`` labels.
        rows: number of rows.

    Returns:
        A row of its own for each label, ascending.
    """
    placed = list(wanted)
    for position in range(1, len(placed)):
        placed[position] = max(placed[position], placed[position - 1] + 1)
    limit = rows - 1
    for position in reversed(range(len(placed))):
        placed[position] = min(placed[position], limit)
        limit = placed[position] - 1
    return placed
