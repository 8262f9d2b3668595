"""What each mechanism of a strategy contributes: the report that ``morph-cl ablate`` prints."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from rich.console import Group as Stack
from rich.console import RenderableType
from rich.text import Text

from morph_cl.errors import UsageError
from morph_cl.metrics.continual import Matrix, average_accuracy, forgetting, just_learned_accuracy
from morph_cl.metrics.intervals import Interval, paired_interval
from morph_cl.report.ascii import EncodingSafe
from morph_cl.report.formats import assignments, duration, human_bytes, human_count, one_line, percent
from morph_cl.report.grouping import Group, same_stream
from morph_cl.report.header import ablation_header
from morph_cl.report.summary import Column, last_experts
from morph_cl.report.tables import OTHER_STREAMS, FigureTable
from morph_cl.results.record import RunRecord
from morph_cl.specs import DEFAULTS


def ablation_report(records: Mapping[str, Sequence[RunRecord]], *, ascii_only: bool = False) -> RenderableType:
    """What was ablated, and a row for each mechanism: what was switched, what that cost.

    Args:
        records: runs by mechanism, as ``morph_cl.ablate`` returns them: under ``defaults`` those of the strategy as
            it is, under each other name those without that mechanism. Where all have validation data, accuracies are
            those on it.
        ascii_only: whether to draw in plain ASCII whatever the terminal knows.

    Returns:
        A renderable. Where the console is too narrow for all columns the rest goes below, nothing is cut off.

    Raises:
        UsageError: there are no runs of the strategy as it is.
    """
    if not records.get(DEFAULTS):
        raise UsageError(f"no runs under {DEFAULTS!r}; give those of the strategy with nothing switched off.")
    parts = [ablation_header(records[DEFAULTS]), Text(""), AblationTable(records)]
    return EncodingSafe(Stack(*parts), ascii_only=ascii_only)


@dataclass(frozen=True)
class Contribution(Column):
    """What the defaults have more of a figure, seed by seed.

    Args:
        defaults: the runs with nothing switched off.
    """

    defaults: Group | None = None

    def over(self, group: Group) -> Interval:
        """Mean difference to the defaults and its 95 % interval.

        Args:
            group: the runs without a mechanism.

        Returns:
            NaN for the defaults themselves.
        """
        if self.defaults is None or group is self.defaults:
            return Interval(math.nan, math.nan, 0)
        whole, without = ({run.seed: self.figure(run) for run in side.records} for side in (self.defaults, group))
        return paired_interval(whole, without)

    def best(self, groups: Sequence[Group]) -> set[str]:
        """Labels of the rows whose interval excludes 0.

        Args:
            groups: all rows of the table.
        """
        return {group.label for group in groups if self.over(group).excludes_zero}


class AblationTable(FigureTable):
    """One row a mechanism, below the row of the defaults.

    Args:
        records: runs by mechanism, ``defaults`` among them.
    """

    corner = "mechanism"
    marked_style = "bold"

    def __init__(self, records: Mapping[str, Sequence[RunRecord]]) -> None:
        whole = records[DEFAULTS][0].strategy_info.options
        groups = [
            Group(_label(name, whole, runs[0].strategy_info.options), tuple(sorted(runs, key=lambda run: run.seed)))
            for name, runs in records.items()
        ]
        self.validated = all(run.validation_matrix for runs in records.values() for run in runs)
        defaults = groups[list(records).index(DEFAULTS)]
        super().__init__(groups, _columns(defaults, validated=self.validated))

    def mark(self, colour: bool) -> str:  # noqa: ARG002 - the mark is no matter of colour here
        """A star, in colour too: bold alone would say that a harm is best.

        Args:
            colour: whether the console shows colours.
        """
        return "*"

    def notes(self, colour: bool, ascii_only: bool) -> list[str]:  # noqa: ARG002
        """What the figures are of and what their signs mean.

        Args:
            colour: whether the console shows colours.
            ascii_only: whether it shows nothing but ASCII.
        """
        seeds = max(len(group.records) for group in self.groups)
        data = "validation" if self.validated else "test"
        lines = [
            f"Average accuracy, just learned and forgetting on {data} data, in per cent"
            + (f"; means over {seeds} seeds." if seeds > 1 else ", one seed."),
            "contribution: average accuracy of the defaults minus that of the row, in points. "
            "+ the mechanism helps, - it harms.",
        ]
        if seeds > 1:
            sign = "+-" if ascii_only else "±"
            lines.append(
                f"{sign} half-width of the 95 % interval of the differences, paired by seed. * it excludes 0; by "
                "chance alone one in 20 does."
            )
        else:
            lines.append("One seed tells no chance from effect: give --seeds 3 or more for intervals.")
        if not same_stream(self.groups):
            lines.append(OTHER_STREAMS)
        return lines


def _columns(defaults: Group, *, validated: bool) -> list[Column]:
    """The figures of a row, the most important first."""
    average = Column(
        "valid.\naccuracy" if validated else "average\naccuracy",
        _of_matrix(average_accuracy, validated=validated),
        percent,
        interval=False,
    )
    return [
        average,
        Contribution("contri-\nbution", average.figure, lambda value: percent(value, signed=True), defaults=defaults),
        replace(average, heading="forget-\nting", figure=_of_matrix(forgetting, validated=validated)),
        replace(average, heading="just\nlearned", figure=_of_matrix(just_learned_accuracy, validated=validated)),
        Column("memory", lambda run: float(run.memory.total_bytes), human_bytes, interval=False),
        Column("train\ntime", lambda run: run.timing.train_seconds, duration, interval=False),
        Column("ex-\nperts", last_experts, human_count, interval=False),
    ]


def _of_matrix(figure: Callable[[Matrix], float], *, validated: bool) -> Callable[[RunRecord], float]:
    return lambda run: figure(run.validation_matrix if validated else run.accuracy_matrix)


def _label(mechanism: str, whole: Mapping[str, object], ablated: Mapping[str, object]) -> str:
    """The mechanism and what was switched; said once where the option is named as the mechanism is."""
    switched = {name: value for name, value in ablated.items() if whole.get(name) != value}
    text = assignments(switched)
    return one_line(text if list(switched) == [mechanism] else f"{mechanism} {text}")
