"""Accuracy along a drifting stream, with its drifts, the alarms and the growths on it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Group as Stack
from rich.console import RenderableType
from rich.text import Text

from morph_cl.metrics.drift.prequential import windowed_accuracy_at
from morph_cl.report.ascii import EncodingSafe
from morph_cl.report.axes import accuracy_scale
from morph_cl.report.formats import percent
from morph_cl.report.grouping import Group
from morph_cl.report.palette import BOUND_STYLE, letter_keys, series_style
from morph_cl.report.plot import Series
from morph_cl.report.stream_plot import Lane, Mark, StreamPlot
from morph_cl.report.streams import (
    ANSWER,
    BLIP,
    DRIFT,
    FALSE,
    GROWTH,
    Streams,
    alarm_marks,
    count_marks,
    curve_window,
    drift_name,
    growth_marks,
)
from morph_cl.results.prequential import DriftPoint, Trace
from morph_cl.results.record import RunRecord

_POINTS = 100  # of a curve, beside the one at sample 0


def prequential_curves(records: Sequence[RunRecord], *, rows: int = 13, ascii_only: bool = False) -> RenderableType:
    """Accuracy on the latest samples of a drifting stream, each predicted before it was learned.

    Args:
        records: runs with a trace, at least one. Those that differ only by their seed make one line and a band: their
            streams are stretched so that drift meets drift. Alarms and growths of each strategy stand below.
        rows: height of the drawing in cells.
        ascii_only: whether to draw in plain ASCII whatever the terminal knows.

    Returns:
        A renderable as wide as the console.
    """
    streams = Streams(records)
    keys = letter_keys([group.label for group in streams.groups])
    plot = StreamPlot(
        [_line(streams, index, key) for index, key in enumerate(keys)],
        streams.timeline.samples,
        drifts=streams.drifts(),
        lanes=_lanes(streams, keys),
        title=f"Accuracy on the last {_samples(streams.window)}, each predicted before it was learned",
        rows=max(rows, min(len(streams.groups), 30)),
    )
    words = "; ".join([*streams.drift_words(), *_event_words(streams, keys)])
    parts: list[RenderableType] = [plot, Text(words, style="dim")]
    if streams.several_seeds:
        parts.append(Text(streams.seed_words(), style="dim"))
    return EncodingSafe(Stack(*parts), ascii_only=ascii_only)


def stream_so_far(trace: Trace, samples: int, *, rows: int = 9) -> RenderableType:
    """The same of a run that is still going on: what has come of a stream, on an axis as long as all of it.

    Args:
        trace: what was measured so far, at least one batch, and what has begun to drift.
        samples: length of the whole stream.
        rows: height of the drawing in cells, at least 3; what else there is takes eight lines at the most.

    Returns:
        A renderable as wide as the console.
    """
    window = curve_window(samples)
    edges, batch = trace.edges, 0
    seen = []
    for point in range(_POINTS + 1):
        while batch < len(trace.batch_sizes) and edges[batch + 1] <= samples * point / _POINTS:
            batch += 1
        seen.append(batch)
    reached = edges[-1] * _POINTS // samples
    values = windowed_accuracy_at(trace, window, [len(trace.batch_sizes), *seen[: reached + 1]])
    line = Series(
        key="*",
        name="",
        values=(*values[1:], *[math.nan] * (_POINTS - reached)),
        style=series_style(0),
        note=percent(values[0]),
        key_along=False,
    )
    drifts = [_begun(number, drift) for number, drift in enumerate(trace.drifts, start=1)]
    drifts += [Mark(blip.start, BLIP, style="yellow") for blip in trace.blips]
    lanes = [alarm_marks(trace), growth_marks(trace)]
    plot = StreamPlot(
        [line],
        samples,
        drifts=sorted(drifts, key=lambda mark: mark.position),
        lanes=[Lane(marks) for marks in lanes],
        title=f"Accuracy on the last {_samples(window)}",
        x_title="",
        rows=rows,
        scale=accuracy_scale((0.0, 1.0), rows),
    )
    counts = count_marks([*drifts, *lanes[0], *lanes[1]])
    words = [f"{glyph} {counts[glyph]} {_named(glyph, counts[glyph])}" for glyph in _NAMES if glyph in counts]
    return EncodingSafe(Stack(plot, *([Text("; ".join(words), style="dim")] if words else [])))


def _begun(number: int, drift: DriftPoint) -> Mark:
    """The mark of a drift that calls it by its kind."""
    end = drift.end if drift.end > drift.start else -1.0
    return Mark(drift.start, DRIFT, str(number), end, "yellow", name=f"{number} {drift_name(drift)}")


_NAMES = {
    DRIFT: ("drift", "drifts"),
    BLIP: ("blip", "blips"),
    ANSWER: ("alarm that answers a drift", "alarms that answer a drift"),
    FALSE: ("false alarm", "false alarms"),
    GROWTH: ("growth", "growths"),
}


def _named(glyph: str, count: int) -> str:
    return _NAMES[glyph][count > 1]


def _line(streams: Streams, index: int, key: str) -> Series:
    """A strategy's line: the mean over its seeds, and the band from the least to the greatest."""
    group, alone = streams.groups[index], len(streams.groups) == 1
    curve = streams.curve(group, _POINTS)
    several = len(group.records) > 1
    return Series(
        key="*" if alone else key,
        name="" if alone else group.label,
        values=curve.mean,
        style=BOUND_STYLE if group.upper_bound else series_style(index),
        note=percent(curve.mean[-1]),
        low=curve.low if several else (),
        high=curve.high if several else (),
        key_along=not alone,
    )


def _lanes(streams: Streams, keys: Sequence[str]) -> list[Lane]:
    """A row for the alarms and one for the growths of each strategy."""
    alone = len(keys) == 1
    return [
        Lane(marks, "" if alone else key)
        for key, group in zip(keys, streams.groups, strict=True)
        for marks in (streams.alarms(group), streams.growths(group))
    ]


def _event_words(streams: Streams, keys: Sequence[str]) -> list[str]:
    """How many alarms and growths there were, of each strategy."""
    counts = [_count_events(streams, group) for group in streams.groups]
    present = [glyph for glyph in (ANSWER, FALSE, GROWTH) if any(count.get(glyph) for count in counts)]
    if len(counts) == 1:
        words = [f"{glyph} {_named(glyph, 2)}: {counts[0][glyph]}" for glyph in present]
    else:
        words = [
            f"{glyph} {_named(glyph, 2)}: "
            + ", ".join(f"{key} {count[glyph]}" for key, count in zip(keys, counts, strict=True) if glyph in count)
            for glyph in present
        ]
    return [*words, "events of all seeds"] if words and streams.several_seeds else words


def _count_events(streams: Streams, group: Group) -> dict[str, int]:
    return count_marks([*streams.alarms(group), *streams.growths(group)])


def _samples(count: int) -> str:
    return f"{count:,} samples" if count > 1 else "sample"
