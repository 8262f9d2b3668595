"""Timing sides against each other, and what is claimed of them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Way = Callable[[], float]
"""Does a piece of work once and returns the seconds that it took, its preparation left out."""


@dataclass(frozen=True)
class Claim:
    """A figure beside what it should reach.

    Args:
        what: such as ``ours / bare``.
        value: the figure.
        reach: what it should reach; None where nothing is asked.
        at_least: whether it should be no smaller than that, instead of no larger.
    """

    what: str
    value: float
    reach: float | None = None
    at_least: bool = False

    @property
    def reached(self) -> bool | None:
        """Whether it is reached; None where nothing is asked."""
        if self.reach is None:
            return None
        return self.value >= self.reach if self.at_least else self.value <= self.reach


@dataclass(frozen=True)
class Row:
    """A line of a table.

    Args:
        what: what was done.
        seconds: median seconds by side.
        claims: figures on them.
        rounds: the seconds of each round by side.
    """

    what: str
    seconds: Mapping[str, float]
    claims: tuple[Claim, ...] = ()
    rounds: Mapping[str, list[float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Section:
    """A table.

    Args:
        name: as ``--sections`` knows it.
        title: what it is about.
        bare: what its bare side is, or what stands in its place.
        rows: its lines.
    """

    name: str
    title: str
    bare: str
    rows: tuple[Row, ...]


def alternate(ways: Mapping[str, Way], rounds: int) -> dict[str, list[float]]:
    """Let the sides take turns, so that what else the machine does falls on all of them.

    Args:
        ways: by side.
        rounds: how often each runs.

    Returns:
        The seconds of each round, by side.
    """
    found: dict[str, list[float]] = {side: [] for side in ways}
    for _ in range(rounds):
        for side, run in ways.items():
            found[side].append(run())
    return found


def ratio(found: Mapping[str, list[float]], over: str, under: str) -> float:
    """Median over rounds of one side's seconds by another's.

    Args:
        found: what :func:`alternate` returned.
        over: the side above the line.
        under: the side below it.
    """
    return statistics.median(a / b for a, b in zip(found[over], found[under], strict=True))


def row(what: str, found: Mapping[str, list[float]], *claims: tuple[str, str, float | None, bool]) -> Row:
    """A line with ratios of its sides.

    Args:
        what: what was done.
        found: what :func:`alternate` returned.
        claims: side above, side below, what their ratio should reach, and whether at least; left out where a side was
            not run.
    """
    made = tuple(
        Claim(f"{over} / {under}", ratio(found, over, under), reach, at_least)
        for over, under, reach, at_least in claims
        if over in found and under in found
    )
    return Row(what, {side: statistics.median(seconds) for side, seconds in found.items()}, made, dict(found))
