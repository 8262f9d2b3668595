"""The lines that the study was set: how much sooner back, how much less lost, how close where nothing drifts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from morph_cl.metrics.intervals import Interval, mean_interval, paired_interval
from morph_cl.study.contestants import BASELINE, JUDGED
from morph_cl.study.standings import BETTER, Standing, best_of

Reached = Literal["yes", "no", "open", "not measured"]

RECURRING_SPEED_UP, NOVEL_SPEED_UP = 10.0, 3.0
AREA_RATIO = 0.5
STEADY_LOSS = 0.005
FALSE_GROWTHS, GROWTH_SAMPLES = 1.0, 60_000

_ROUNDING = 1e-9
"""What rounding may take of a figure that lies on its line."""

ByPreset = Mapping[str, Mapping[str, Standing]]


@dataclass(frozen=True)
class Line:
    """A line and whether it is reached.

    Args:
        preset: the stream.
        what: the figure in words.
        needed: the line in words.
        figure: what was measured; NaN where nothing was.
        low: lower end of its 95 % interval over seeds; NaN where there is none.
        high: its upper end.
        bound: what the figure says of the true one: ``exact``, ``at least``, ``at most`` or ``unknown``.
        reached: ``yes`` or ``no`` by the figure; ``open`` where drifts that were not recovered from leave it open.
        seeds: seeds that it was measured on.
    """

    preset: str
    what: str
    needed: str
    figure: float
    low: float
    high: float
    bound: str
    reached: Reached
    seeds: int


@dataclass(frozen=True)
class Place:
    """How the judged contestant ranks by one figure on one stream.

    Args:
        preset: the stream.
        figure: the figure's name.
        first: whether no contestant is better.
    """

    preset: str
    figure: str
    first: bool


def judge_lines(standings: ByPreset) -> list[Line]:
    """Hold what was measured against the lines.

    Args:
        standings: by preset and contestant.

    Returns:
        A line each for the streams that were run with both the judged contestant and the baseline.
    """
    judges: dict[str, list[Callable[[Standing, Standing], Line]]] = {
        "recurring": [lambda own, _: _speed_up(own, RECURRING_SPEED_UP, recurring=True)],
        "abrupt": [lambda own, _: _speed_up(own, NOVEL_SPEED_UP, recurring=False)],
        "gradual": [_area],
        "incremental": [_area],
        "steady": [_steady_accuracy, _false_growths],
    }
    return [
        judge(rows[JUDGED], rows[BASELINE])
        for preset, rows in standings.items()
        if {JUDGED, BASELINE} <= rows.keys()
        for judge in judges.get(preset, [])
    ]


def judge_places(standings: ByPreset) -> list[Place]:
    """In which columns the judged contestant is first.

    Args:
        standings: by preset and contestant.

    Returns:
        A place for each figure and stream by which contestants differ and the judged one is measured.
    """
    return [
        Place(preset, figure, JUDGED in best)
        for preset, rows in standings.items()
        if JUDGED in rows
        for figure in BETTER
        if (best := best_of(rows, figure)) and not math.isnan(rows[JUDGED].figures[figure].mean)
    ]


def _speed_up(own: Standing, line: float, *, recurring: bool) -> Line:
    kind = "recurring" if recurring else "abrupt"
    what = "recovery from recurring drifts" if recurring else "recovery from novel abrupt drifts"
    found = [speed for speed in own.speed_ups if (speed.kind, speed.recurring) == (kind, recurring)]
    needed = f"{line:g} times faster than {BASELINE}"
    if not found or math.isnan(found[0].ratio):
        return _line(own, what, needed, Interval(math.nan, math.nan, 0), reached="not measured")
    speed = found[0]
    reached: Reached = "yes" if speed.ratio >= line * (1 - _ROUNDING) else "no"
    # Own drifts without recovery make the ratio too high, the baseline's make it too low.
    if (reached == "yes" and speed.strategy_censored) or (reached == "no" and speed.baseline_censored):
        reached = "open"
    return Line(own.preset, what, needed, speed.ratio, speed.low, speed.high, speed.bound, reached, seeds=speed.seeds)


def _area(own: Standing, _: Standing) -> Line:
    ratio = own.figures["area_ratio"]
    needed = f"at most {AREA_RATIO:g} of {BASELINE}'s"
    return _line(own, "area lost", needed, ratio, reached=_at_most(ratio.mean, AREA_RATIO))


def _steady_accuracy(own: Standing, baseline: Standing) -> Line:
    lost = paired_interval(baseline.by_seed("prequential_accuracy"), own.by_seed("prequential_accuracy"))
    needed = f"at most {100 * STEADY_LOSS:g} below {BASELINE}"
    points = Interval(100 * lost.mean, 100 * lost.half_width, lost.count, lost.missing)
    what = f"points of prequential accuracy below {BASELINE}"
    return _line(own, what, needed, points, reached=_at_most(lost.mean, STEADY_LOSS))


def _false_growths(own: Standing, _: Standing) -> Line:
    """The worst seed counts: one quiet seed does not make up for another's growths."""
    rates = [
        run.record.metrics["false_growths"] * GROWTH_SAMPLES / run.trace.samples
        for run in own.runs
        if run.trace.samples
    ]
    most = max(rates, default=math.nan)
    interval = Interval(most, math.nan, mean_interval(rates).count)
    needed = f"at most {FALSE_GROWTHS:g} in {GROWTH_SAMPLES:,} samples"
    return _line(own, "false growths, most of any seed", needed, interval, reached=_at_most(most, FALSE_GROWTHS))


def _at_most(figure: float, line: float) -> Reached:
    return "not measured" if math.isnan(figure) else "yes" if figure <= line + _ROUNDING else "no"


def _line(own: Standing, what: str, needed: str, interval: Interval, *, reached: Reached) -> Line:
    return Line(own.preset, what, needed, interval.mean, interval.low, interval.high, "exact", reached, interval.count)
