"""The contestants of a study on one stream, side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from morph_cl.metrics.drift.speedup import SpeedUp
from morph_cl.metrics.intervals import Interval
from morph_cl.report.formats import MISSING, duration, human_bytes, human_count, percent
from morph_cl.report.grouping import Group
from morph_cl.report.summary import Column
from morph_cl.report.tables import FigureTable
from morph_cl.results.record import RunRecord
from morph_cl.study.contestants import BASELINE
from morph_cl.study.standings import BETTER, Standing, best_of


@dataclass(frozen=True)
class _Measure:
    """A figure of the table.

    Args:
        name: its name among the metrics.
        heading: what stands above it.
        show: a figure as text.
        interval: whether its interval is shown.
    """

    name: str
    heading: str
    show: Callable[[float], str]
    interval: bool = True


def ratio_text(value: float) -> str:
    """A ratio or rate in three figures.

    Args:
        value: the figure; infinite where an interval knows no end.
    """
    return MISSING if math.isnan(value) else f"{value:.3g}" if abs(value) < 1_000 else f"{value:,.0f}"


def _samples(count: float) -> str:
    return MISSING if math.isnan(count) else human_count(round(count))


_BEFORE_SPEED_UP = (
    _Measure("prequential_accuracy", "prequential\naccuracy", percent),
    _Measure("level_before_drift", "level\nbefore", percent),
    _Measure("recovery_samples", "recovery\nsamples", _samples),
    _Measure("recovery_censored", "not re-\ncovered", percent, interval=False),
)
_BEHIND_SPEED_UP = (
    _Measure("maximum_drop", "maximum\ndrop", percent),
    _Measure("area_lost", "area\nlost", _samples),
    _Measure("area_ratio", f"area by\n{BASELINE}'s", ratio_text),
    _Measure("detection_delay", "alarm\ndelay", _samples),
    _Measure("missed_detection_rate", "drifts\nmissed", percent, interval=False),
    _Measure("false_alarms_per_1000", "false alarms\nper 1,000", ratio_text),
    _Measure("false_growths", "false\ngrowths", ratio_text),
    _Measure("accuracy_at_the_end", "accuracy\nat the end", percent),
    _Measure("train_seconds", "train\ntime", duration, interval=False),
    _Measure("total_bytes", "memory", human_bytes, interval=False),
)


def measure_names() -> dict[str, str]:
    """How each figure of the tables is called in a sentence, by its name among the metrics."""
    measures = (*_BEFORE_SPEED_UP, *_BEHIND_SPEED_UP)
    return {measure.name: measure.heading.replace("-\n", "").replace("\n", " ") for measure in measures}


@dataclass(frozen=True)
class _FigureColumn(Column):
    """A figure of the standings.

    Args:
        measure: the figure's name.
        standings: the rows by label.
    """

    measure: str = ""
    standings: Mapping[str, Standing] = field(default_factory=dict)

    def over(self, group: Group) -> Interval:
        """Mean and interval of a row.

        Args:
            group: the row.
        """
        return self.standings[group.label].figures[self.measure]

    def best(self, groups: Sequence[Group]) -> set[str]:  # noqa: ARG002 - the rows are the standings
        """Labels of the rows that are best.

        Args:
            groups: the rows.
        """
        return best_of(self.standings, self.measure) if self.measure in BETTER else set()


@dataclass(frozen=True)
class _SpeedUpInterval(Interval):
    """A speed-up where a table wants an interval: its own is of logarithms and has no half-width.

    Args:
        text: how it is shown.
    """

    text: str = MISSING


@dataclass(frozen=True)
class _SpeedUpColumn(Column):
    """How much sooner back than the baseline after one kind of drift.

    Args:
        speed_ups: the speed-up by label; none of the baseline.
    """

    speed_ups: Mapping[str, SpeedUp] = field(default_factory=dict)

    def over(self, group: Group) -> Interval:
        """The speed-up of a row.

        Args:
            group: the row.
        """
        found = self.speed_ups.get(group.label)
        if found is None:
            return _SpeedUpInterval(math.nan, math.nan, 0)
        return _SpeedUpInterval(found.ratio, math.nan, found.seeds, text=speed_up_text(found))

    def best(self, groups: Sequence[Group]) -> set[str]:
        """Labels of the rows that are back soonest; none where the baseline itself is.

        Args:
            groups: the rows.
        """
        sooner = any(speed.ratio > 1 for speed in self.speed_ups.values())
        return super().best(groups) if sooner else set()

    def cell(self, interval: Interval, plus_minus: str) -> str:
        """The ratio with both ends of its interval and the word for what it is.

        Args:
            interval: as :meth:`over` gives it.
            plus_minus: for any other interval.
        """
        return interval.text if isinstance(interval, _SpeedUpInterval) else super().cell(interval, plus_minus)


def speed_up_text(speed: SpeedUp) -> str:
    """A speed-up with its interval.

    Args:
        speed: the speed-up.

    Returns:
        Such as ``12.3 [8.1, 18.6] at least``, or a dash where no drift was measured.
    """
    if math.isnan(speed.ratio):
        return MISSING
    interval = "" if math.isnan(speed.low) else f" [{ratio_text(speed.low)}, {ratio_text(speed.high)}]"
    bound = "" if speed.bound == "exact" else f" {speed.bound}"
    return f"{ratio_text(speed.ratio)}{interval}{bound}"


class StandingTable(FigureTable):
    """One row a contestant, the best of each column marked.

    Args:
        standings: the contestants of one stream, by name.
        labels: what to call each.
    """

    corner = "learner"

    def __init__(self, standings: Mapping[str, Standing], labels: Mapping[str, str]) -> None:
        rows = {labels[name]: standing for name, standing in standings.items()}
        groups = [Group(label, tuple(run.record for run in standing.runs)) for label, standing in rows.items()]
        measured = [*_columns(rows, _BEFORE_SPEED_UP), *_speed_ups(rows), *_columns(rows, _BEHIND_SPEED_UP)]
        super().__init__(groups, measured)

    def notes(self, colour: bool, ascii_only: bool) -> list[str]:  # noqa: ARG002
        """None: one explanation stands below all tables of a study.

        Args:
            colour: whether the console shows colours.
            ascii_only: whether it shows nothing but ASCII.
        """
        return []


def _columns(rows: Mapping[str, Standing], measures: Sequence[_Measure]) -> list[Column]:
    """The figures that any row has."""
    return [
        _FigureColumn(
            measure.heading,
            _metric(measure.name),
            measure.show,
            interval=measure.interval,
            spread=measure.show,
            measure=measure.name,
            standings=rows,
        )
        for measure in measures
        if any(standing.figures[measure.name].count for standing in rows.values())
    ]


def _speed_ups(rows: Mapping[str, Standing]) -> list[Column]:
    """A column for each kind of drift, novel and recurring ones apart."""
    kinds: dict[tuple[str, bool], dict[str, SpeedUp]] = {}
    for label, standing in rows.items():
        for speed in standing.speed_ups:
            kinds.setdefault((speed.kind, speed.recurring), {})[label] = speed
    columns: list[Column] = []
    for (kind, recurring), found in kinds.items():
        known = ", known" if recurring and kind != "recurring" else ""
        heading = f"speed-up,\n{kind}{known}"
        columns.append(_SpeedUpColumn(heading, lambda _: math.nan, ratio_text, better=1, speed_ups=found))
    return columns


def _metric(name: str) -> Callable[[RunRecord], float]:
    return lambda record: record.metrics.get(name, math.nan)
