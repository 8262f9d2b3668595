"""The figures of a summary table: what they are called, where they come from, which is best."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from morph_cl.metrics.intervals import Interval, mean_interval
from morph_cl.metrics.joint import joint_of, record_intransigence
from morph_cl.report.formats import duration, human_bytes, human_count, percent
from morph_cl.report.grouping import Group
from morph_cl.results.record import RunRecord


@dataclass(frozen=True)
class Column:
    """A figure for each strategy.

    Args:
        heading: one or two lines.
        figure: takes a record, returns the figure, NaN where there is none.
        show: a figure as text.
        better: 1 where higher is better, -1 where lower is, 0 where neither.
        interval: whether the interval over seeds is shown, and not the mean alone.
        spread: a half-width of that interval as text.
    """

    heading: str
    figure: Callable[[RunRecord], float]
    show: Callable[[float], str]
    better: int = 0
    interval: bool = True
    spread: Callable[[float], str] = percent

    def over(self, group: Group) -> Interval:
        """Mean and 95 % interval over a strategy's seeds.

        Args:
            group: the strategy's runs.
        """
        return mean_interval([self.figure(record) for record in group.records])

    def cell(self, interval: Interval, plus_minus: str) -> str:
        """Mean and half-width as text.

        Args:
            interval: mean and half-width.
            plus_minus: the sign between them.

        Returns:
            The mean alone where there is no half-width or it is not shown.
        """
        text = self.show(interval.mean)
        if not self.interval or math.isnan(interval.half_width):
            return text
        return f"{text}{plus_minus}{self.spread(interval.half_width)}"

    def best(self, groups: Sequence[Group]) -> set[str]:
        """Labels of the strategies whose shown mean is best; upper bounds do not take part.

        Args:
            groups: all strategies of the table.

        Returns:
            None of them where fewer than two can be compared or all are alike.
        """
        rivals = {group.label: self.over(group).mean for group in groups if not group.upper_bound}
        measured = {label: value for label, value in rivals.items() if not math.isnan(value)}
        if not self.better or len(measured) < 2 or len({self.show(value) for value in measured.values()}) < 2:
            return set()
        top = max(measured.values(), key=lambda value: self.better * value)
        return {label for label, value in measured.items() if self.show(value) == self.show(top)}


def columns_for(groups: Sequence[Group]) -> list[Column]:
    """The columns of the summary table, the most important first.

    Forgetting alone says little: a learner that never learned forgets nothing. So the average and the
    just-learned accuracy stand before it, memory and training time behind it.

    Args:
        groups: all strategies of the table; intransigence is shown where a joint run is among them.

    Returns:
        The columns.
    """
    records = [record for group in groups for record in group.records]
    columns = [
        _accuracy("average\naccuracy", "average_accuracy"),
        _accuracy("just\nlearned", "just_learned_accuracy"),
        Column("forget-\nting", _metric("forgetting"), percent, better=-1),
        Column("memory", lambda record: float(record.memory.total_bytes), human_bytes, better=-1, interval=False),
        Column("train\ntime", lambda record: record.timing.train_seconds, duration, better=-1, interval=False),
        _accuracy("anytime\naccuracy", "anytime_accuracy"),
        Column("backward\ntransfer", _metric("backward_transfer"), _signed, better=1),
        Column("forward\ntransfer", _metric("forward_transfer"), _signed, better=1),
        Column("experts", last_experts, human_count, interval=False),
        Column("para-\nmeters", lambda record: float(record.memory.parameters), human_count, interval=False),
        Column("eval\ntime", lambda record: record.timing.eval_seconds, duration, better=-1, interval=False),
    ]
    rivals = [record for group in groups if not group.upper_bound for record in group.records]
    if any(joint_of(record, records) is not None for record in rivals):
        figure = _intransigence(records)
        columns.insert(8, Column("intran-\nsigence", figure, _signed, better=-1))
    return columns


def _metric(name: str) -> Callable[[RunRecord], float]:
    return lambda record: record.metrics.get(name, math.nan)


def _accuracy(heading: str, name: str) -> Column:
    return Column(heading, _metric(name), percent, better=1)


def _signed(fraction: float) -> str:
    return percent(fraction, signed=True)


def last_experts(record: RunRecord) -> float:
    """Experts at the end.

    Args:
        record: the run.
    """
    return float(record.experts[-1]) if record.experts else math.nan


def _intransigence(records: Sequence[RunRecord]) -> Callable[[RunRecord], float]:
    return lambda record: record_intransigence(record, joint_of(record, records))
