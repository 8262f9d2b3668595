"""The curves of drifting streams as a picture: drifts, alarms and growths on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from morph_cl.errors import UsageError
from morph_cl.report.drawing import blank, save
from morph_cl.report.formats import percent
from morph_cl.report.palette import SERIES_STYLES, series_style
from morph_cl.report.stream_plot import Mark
from morph_cl.report.streams import ANSWER, BLIP, FALSE, GROWTH, Streams
from morph_cl.results.record import RunRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_POINTS = 500  # of a curve, beside the one at sample 0
_MOST_NUMBERED = 40  # drifts; beyond, their numbers could not be read
_MOST_LETTERS = 24  # of a label beside a row
_LEGEND = 110  # letters of the legend's labels, one beside the other
_WIDTH, _CURVES, _LANE = 10.0, 4.6, 0.32  # inches: of the picture, of the curves, of a row of marks

_EVENTS = {
    ANSWER: ("alarm that answers a drift", "v", SERIES_STYLES[2]),
    FALSE: ("false alarm", "x", SERIES_STYLES[7]),
    GROWTH: ("growth", "+", SERIES_STYLES[0]),
}
"""What each mark is called, its shape and its colour."""


def draw_streams(records: Sequence[RunRecord], path: Path) -> None:
    """Write the curves of runs over drifting streams as a picture.

    Args:
        records: the runs, at least one, each with a trace; those that differ only by their seed make one line, the
            mean, and a band from the least to the greatest.
        path: a PNG file.

    Raises:
        UsageError: a run without a trace.
        StoreError: the file cannot be written.
    """
    other = next((record for record in records if record.trace is None), None)
    if other is not None:
        raise UsageError(
            f"run {other.run_id or other.strategy} is not over a drifting stream and has no curve to draw; "
            "`morph-cl inspect RUN --png DIR` draws what there is of it."
        )
    streams = Streams(records)
    lanes = [(group.label, [*streams.alarms(group), *streams.growths(group)]) for group in streams.groups]
    lanes = [(label, marks) for label, marks in lanes if marks]
    figure = blank(_WIDTH, _CURVES + (0.6 + _LANE * len(lanes) if lanes else 0.0))
    heights = [_CURVES, *([0.2 + _LANE * len(lanes)] if lanes else [])]
    panels = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    _draw_curves(panels[0], streams)
    if lanes:
        _draw_lanes(panels[1], lanes, alone=len(streams.groups) == 1)
    for axes in panels:
        _draw_drifts(axes, streams, numbered=axes is panels[0])
    panels[0].set_xlim(0, streams.timeline.samples)
    handles = [pair for axes in panels for pair in zip(*axes.get_legend_handles_labels(), strict=True)]
    labels = [label for _, label in handles]
    across = max(1, min(3, _LEGEND // max(map(len, labels))))
    figure.legend([handle for handle, _ in handles], labels, loc="outside lower center", ncols=across, fontsize="small")
    words = "; ".join([*streams.drift_words(), *([streams.seed_words()] if streams.several_seeds else [])])
    panels[-1].set_xlabel(f"samples\n{words.replace('▲ ', '').replace('~ blips', 'grey: blips')}", wrap=True)
    save(figure, path)


def _draw_curves(axes: Axes, streams: Streams) -> None:
    places = [streams.timeline.samples * point / _POINTS for point in range(_POINTS + 1)]
    for index, group in enumerate(streams.groups):
        curve = streams.curve(group, _POINTS)
        colour = "gray" if group.upper_bound else series_style(index)
        style = "-" if index < len(SERIES_STYLES) else "--"  # colours come again
        label = f"{group.label}, {percent(curve.mean[-1])} % at the end"
        axes.plot(places, [100 * value for value in curve.mean], style, color=colour, label=label, linewidth=1.4)
        if len(group.records) > 1:
            low, high = ([100 * value for value in edge] for edge in (curve.low, curve.high))
            axes.fill_between(places, low, high, color=colour, alpha=0.2, linewidth=0)
    axes.set_ylim(0, 100)
    axes.set_ylabel(f"accuracy on the last {streams.window:,} samples in %")
    axes.set_title("Each sample predicted before it was learned", fontsize="medium", pad=16)
    axes.grid(axis="y", alpha=0.3)


def _draw_lanes(axes: Axes, lanes: Sequence[tuple[str, Sequence[Mark]]], *, alone: bool) -> None:
    """A row of alarms and growths for each strategy that had any."""
    for glyph, (label, shape, colour) in _EVENTS.items():
        places = [
            (mark.position, -row) for row, (_, marks) in enumerate(lanes) for mark in marks if mark.glyph == glyph
        ]
        if places:
            xs, ys = zip(*places, strict=True)
            axes.plot(xs, ys, shape, color=colour, label=f"{label} ({len(places)})", linestyle="none", markersize=6)
    axes.set_ylim(0.6 - len(lanes), 0.6)
    axes.set_yticks([-row for row in range(len(lanes))], ["events" if alone else _short(label) for label, _ in lanes])


def _short(label: str) -> str:
    """A label beside a row; the whole one stands in the legend."""
    return label if len(label) <= _MOST_LETTERS else f"{label[: _MOST_LETTERS - 3]}..."


def _draw_drifts(axes: Axes, streams: Streams, *, numbered: bool) -> None:
    """Dotted lines, numbers above them, a shade as long as a slow drift takes."""
    marks = streams.drifts()
    for mark in marks:
        if mark.glyph == BLIP:
            axes.axvline(mark.position, color="silver", linewidth=2.5, zorder=0)
            continue
        axes.axvline(mark.position, color="black", linestyle=":", linewidth=1, zorder=0)
        if mark.end > mark.position:
            axes.axvspan(mark.position, mark.end, color="black", alpha=0.08, linewidth=0, zorder=0)
        if numbered and len(marks) <= _MOST_NUMBERED:
            place = (mark.position, 100)
            axes.annotate(mark.label, place, xytext=(0, 2), textcoords="offset points", ha="center", fontsize="small")
