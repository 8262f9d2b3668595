"""The training curve as lines: accuracy, and the weight of each expert."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Group as Stack
from rich.console import RenderableType
from rich.text import Text

from morph_cl.report.axes import Scale
from morph_cl.report.formats import one_line, percent
from morph_cl.report.palette import letter_keys, series_style
from morph_cl.report.plot import LinePlot, Series
from morph_cl.results.record import CurvePoint

MOST_EXPERTS = 8
"""More experts than this are shown by those of the greatest weight."""

_X_TITLE = "points of the training curve"
_WHOLE = Scale(0.0, 1.0, 0.25)


def expert_curves(curve: Sequence[CurvePoint]) -> dict[str, list[float]]:
    """The weight of each expert at each point of the training curve.

    Args:
        curve: the points.

    Returns:
        By name, in the order in which the experts appear, a weight a point, NaN where there was no such expert. Empty
        where no point has any.
    """
    told = [dict(zip(point.expert_names, point.expert_weights, strict=True)) for point in curve]
    names = dict.fromkeys(name for point in told for name in point)
    return {name: [point.get(name, math.nan) for point in told] for name in names}


def short_names(names: Sequence[str]) -> list[str]:
    """Names without the words that all of them begin with.

    Args:
        names: such as ``expert 0`` and ``expert 1``.

    Returns:
        Such as ``0`` and ``1``.
    """
    words = [name.split() for name in names]
    while len(words) > 1 and all(len(parts) > 1 and parts[0] == words[0][0] for parts in words):
        words = [parts[1:] for parts in words]
    return [" ".join(parts) for parts in words]


def training_plot(curve: Sequence[CurvePoint]) -> RenderableType:
    """Accuracy on training batches as training went on.

    Args:
        curve: its points, at least one.
    """
    values = tuple(point.train_accuracy for point in curve)
    measured = [value for value in values if not math.isnan(value)]
    line = Series(key="*", name="", values=values, style=series_style(0), note=percent(measured[-1]), key_along=False)
    return LinePlot([line], title="Accuracy on training batches", x_title=_X_TITLE, rows=9)


def gate_plot(curve: Sequence[CurvePoint]) -> RenderableType | None:
    """Weight of each expert in the training batches, None where no strategy told any.

    Args:
        curve: the points of the training curve.
    """
    curves = expert_curves(curve)
    if not curves:
        return None
    shown = sorted(curves, key=lambda name: -_mass(curves[name]))[:MOST_EXPERTS]
    shown.sort(key=list(curves).index)
    short = short_names([one_line(name) for name in shown])
    keys = short if all(1 <= len(name) <= 2 and name.isascii() for name in short) else letter_keys(short)
    lines = [
        Series(key=key, name=one_line(name), values=tuple(curves[name]), style=series_style(index))
        for index, (name, key) in enumerate(zip(shown, keys, strict=True))
    ]
    plot = LinePlot(lines, title="Gate activation in training", x_title=_X_TITLE, rows=13, scale=_WHOLE)
    if len(shown) == len(curves):
        return plot
    return Stack(plot, Text(f"{len(shown)} of {len(curves)} experts, those of the greatest weight", style="dim"))


def _mass(values: Sequence[float]) -> float:
    return sum(value for value in values if not math.isnan(value))
