"""The risk-coverage curve as a line."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group as Stack
from rich.console import RenderableType
from rich.text import Text

from morph_cl.report.formats import percent
from morph_cl.report.palette import series_style
from morph_cl.report.plot import LinePlot, Series


def risk_plot(risks: Sequence[float], area: float) -> RenderableType:
    """What share of the answers is wrong where only the most confident ones count.

    Args:
        risks: at equal steps of coverage, the last at all images.
        area: under the whole curve.
    """
    line = Series(
        key="*", name="", values=tuple(risks), style=series_style(0), note=percent(risks[-1]), key_along=False
    )
    step = 100 // len(risks)
    title = f"share of images answered, the most confident first, in steps of {step} %"
    return Stack(
        LinePlot([line], title="Risk: share of wrong answers", x_title=title, rows=9),
        Text(f"area under it (AURC): {100 * area:.2f} %", style="dim", overflow="fold"),
    )
