"""What accuracy costs: strategies by accuracy against parameters and training time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Group as Stack
from rich.console import RenderableType
from rich.text import Text

from morph_cl.report.ascii import EncodingSafe
from morph_cl.report.axes import accuracy_scale
from morph_cl.report.drawing import blank, save
from morph_cl.report.formats import duration, human_count, mean_measured, percent
from morph_cl.report.grouping import Group, group_records
from morph_cl.report.palette import BOUND_STYLE, letter_keys, series_style
from morph_cl.report.scatter import Point, ScatterPlot
from morph_cl.results.record import RunRecord

_ROWS = 11


@dataclass(frozen=True)
class Cost:
    """Something that a strategy takes.

    Args:
        name: what it is.
        of: its figure of a run.
        show: a figure as text.
        unit: what it is counted in, empty for a mere number.
    """

    name: str
    of: Callable[[RunRecord], float]
    show: Callable[[float], str]
    unit: str = ""


COSTS = (
    Cost("parameters", lambda record: float(record.memory.parameters), human_count),
    Cost("training time", lambda record: record.timing.train_seconds, duration, "seconds"),
)


def cost_report(records: Sequence[RunRecord], *, ascii_only: bool = False) -> RenderableType:
    """Average accuracy against each cost, a mark for each strategy.

    Args:
        records: the runs, at least one; those that differ only by their seed are averaged.
        ascii_only: whether to draw in plain ASCII whatever the terminal knows.

    Returns:
        A renderable as wide as the console.
    """
    groups = group_records(records)
    keys = letter_keys([group.label for group in groups])
    scale = accuracy_scale([_accuracy(group) for group in groups], _ROWS)
    parts: list[RenderableType] = []
    for cost in COSTS:
        points = [
            Point(key, place[0], place[1], _style(group, index))
            for index, (group, key) in enumerate(zip(groups, keys, strict=True))
            if (place := _place(group, cost)) is not None
        ]
        title = f"Average accuracy against {cost.name} (logarithmic)"
        if points:
            parts += [ScatterPlot(points, title=title, scale=scale, show=cost.show, rows=_ROWS), Text("")]
    parts += [_label(group, key) for group, key in zip(groups, keys, strict=True)]
    return EncodingSafe(Stack(*parts), ascii_only=ascii_only)


def draw_costs(records: Sequence[RunRecord], path: Path) -> None:
    """Write the same as a picture.

    Args:
        records: the runs, at least one.
        path: a PNG file.

    Raises:
        StoreError: it cannot be written.
    """
    groups = group_records(records)
    figure = blank(6.0 * len(COSTS), 4.5)
    for axes, cost in zip(figure.subplots(1, len(COSTS), squeeze=False).flat, COSTS, strict=True):
        for index, group in enumerate(groups):
            place = _place(group, cost)
            if place is not None:
                where = (place[0], 100 * place[1])
                axes.plot(*where, "o", color="gray" if group.upper_bound else series_style(index))
                axes.annotate(group.label, where, xytext=(4, 4), textcoords="offset points")
        axes.set_xscale("log")
        axes.set_xlabel(cost.name if not cost.unit else f"{cost.name} in {cost.unit}")
        axes.set_ylabel("average accuracy in %")
        axes.grid(alpha=0.3)
    save(figure, path)


def _place(group: Group, cost: Cost) -> tuple[float, float] | None:
    """(cost, accuracy), means over seeds; None where one is missing or the cost cannot stand on a logarithmic axis."""
    x, y = mean_measured(map(cost.of, group.records)), _accuracy(group)
    return None if math.isnan(x) or math.isnan(y) or x <= 0 else (x, y)


def _accuracy(group: Group) -> float:
    return mean_measured(record.metrics.get("average_accuracy", math.nan) for record in group.records)


def _style(group: Group, index: int) -> str:
    return BOUND_STYLE if group.upper_bound else series_style(index)


def _label(group: Group, key: str) -> Text:
    costs = ", ".join(f"{cost.show(mean_measured(map(cost.of, group.records)))} {cost.name}" for cost in COSTS)
    return Text.assemble((key, "bold"), f" {group.label}: {percent(_accuracy(group))} % ({costs})", overflow="fold")
