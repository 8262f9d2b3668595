"""Accuracy along a drifting stream, with its drifts, the alarms and the growths on it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Group as Stack
from rich.console import RenderableType
from rich.text import Text

from morph_cl.metrics.drift.detection import judge_alarms
from morph_cl.metrics.drift.figures import TOLERANCE
from morph_cl.metrics.drift.prequential import windowed_accuracy
from morph_cl.report.ascii import EncodingSafe
from morph_cl.report.formats import mean_measured, number_ranges, one_line, percent
from morph_cl.report.grouping import Group, group_records
from morph_cl.report.palette import BOUND_STYLE, letter_keys, series_style
from morph_cl.report.plot import Series
from morph_cl.report.stream_plot import Mark, StreamPlot
from morph_cl.report.timeline import Timeline
from morph_cl.results.prequential import DriftPoint, Trace
from morph_cl.results.record import RunRecord

_POINTS = 100  # of a curve, beside the one at sample 0
_DRIFT, _BLIP, _ANSWER, _FALSE, _GROWTH = "▲", "~", "!", "x", "+"


def prequential_curves(records: Sequence[RunRecord], *, rows: int = 13, ascii_only: bool = False) -> RenderableType:
    """Accuracy on the latest samples of a drifting stream, each predicted before it was learned.

    Args:
        records: runs with a trace, at least one. Those that differ only by their seed make one line and a band: their
            streams are stretched so that drift meets drift. Of a single run alarms and growths are marked too.
        rows: height of the drawing in cells.
        ascii_only: whether to draw in plain ASCII whatever the terminal knows.

    Returns:
        A renderable as wide as the console.
    """
    groups = group_records(records)
    traces = [trace for group in groups for trace in _traces(group)]
    timeline = Timeline(traces)
    window = curve_window(max(trace.samples for trace in traces))
    drifts = _drift_marks(timeline, traces)
    single = traces[0] if len(traces) == 1 else None
    lanes = [] if single is None else [_alarm_marks(single), _growth_marks(single)]
    plot = StreamPlot(
        _lines(groups, timeline, window),
        timeline.samples,
        drifts=drifts,
        lanes=lanes,
        title=f"Accuracy on the last {_samples(window)}, each predicted before it was learned",
        rows=max(rows, min(len(groups), 30)),
    )
    words = [*_drift_words(timeline, traces), *([] if single is None else _event_words(single))]
    parts: list[RenderableType] = [plot]
    parts += [Text("; ".join(words), style="dim")] if words else []
    if any(len(group.records) > 1 for group in groups):
        parts.append(Text(_seed_words(timeline), style="dim"))
    return EncodingSafe(Stack(*parts), ascii_only=ascii_only)


def curve_window(samples: int) -> int:
    """Samples of the windows that a curve is drawn of: no more detail than a terminal shows, no less than there is.

    Args:
        samples: length of the stream, at least 1.

    Returns:
        A hundredth of a long stream, 100 of one of up to 10,000 samples, a tenth of a short one.
    """
    return max(samples // 100, min(100, samples // 10), 1)


def drift_name(drift: DriftPoint) -> str:
    """What kind of drift it was.

    Args:
        drift: the drift.

    Returns:
        Its kind, and whether the concept was known where the kind does not say so.
    """
    known = drift.recurring and drift.kind != "recurring"
    return one_line(f"{drift.kind}, known" if known else drift.kind)


def _traces(group: Group) -> list[Trace]:
    return [record.trace for record in group.records if record.trace is not None]


def _lines(groups: Sequence[Group], timeline: Timeline, window: int) -> list[Series]:
    keys = letter_keys([group.label for group in groups])
    return [
        _line(group, key, index, timeline, window, alone=len(groups) == 1)
        for index, (group, key) in enumerate(zip(groups, keys, strict=True))
    ]


def _line(group: Group, key: str, index: int, timeline: Timeline, window: int, *, alone: bool) -> Series:
    """A strategy's line: the mean over its seeds, and the band from the least to the greatest."""
    curves = [_resampled(trace, timeline, window) for trace in _traces(group)]
    measured = [[value for value in column if not math.isnan(value)] for column in zip(*curves, strict=True)]
    mean = tuple(map(mean_measured, measured))
    several = len(curves) > 1
    return Series(
        key="*" if alone else key,
        name="" if alone else group.label,
        values=mean,
        style=BOUND_STYLE if group.upper_bound else series_style(index),
        note=percent(mean[-1]),
        low=tuple(min(column, default=math.nan) for column in measured) if several else (),
        high=tuple(max(column, default=math.nan) for column in measured) if several else (),
        key_along=not alone,
    )


def _resampled(trace: Trace, timeline: Timeline, window: int) -> list[float]:
    """(points + 1,) the curve at equal distances along the timeline; NaN before the first batch was predicted."""
    curve = [math.nan, *windowed_accuracy(trace, window)]
    places = [timeline.samples * point / _POINTS for point in range(_POINTS + 1)]
    return [curve[timeline.batches_by(place, trace)] for place in places]


# --- marks ------------------------------------------------------------------------------------------------------------


def _drift_marks(timeline: Timeline, traces: Sequence[Trace]) -> list[Mark]:
    """Drifts and blips, where the streams agree on them."""
    if not timeline.aligned:
        return []
    marks = []
    for number in range(len(traces[0].drifts)):
        start, end = timeline.span(traces, [trace.drifts[number] for trace in traces])
        marks.append(Mark(start, _DRIFT, str(number + 1), end if end > start else -1.0, "yellow"))
    if len({len(trace.blips) for trace in traces}) == 1:
        for number in range(len(traces[0].blips)):
            start, _ = timeline.span(traces, [trace.blips[number] for trace in traces])
            marks.append(Mark(start, _BLIP, style="yellow"))
    return sorted(marks, key=lambda mark: mark.position)


def _alarm_marks(trace: Trace) -> list[Mark]:
    false = set(judge_alarms(trace, TOLERANCE).false_alarms)
    return [
        Mark(position, _FALSE, style="red") if position in false else Mark(position, _ANSWER, style="green")
        for position in sorted(set(trace.alarms))
    ]


def _growth_marks(trace: Trace) -> list[Mark]:
    return [Mark(position, _GROWTH, style="cyan") for position in sorted(set(trace.growths))]


# --- words ------------------------------------------------------------------------------------------------------------


def _drift_words(timeline: Timeline, traces: Sequence[Trace]) -> list[str]:
    if not timeline.aligned:
        return ["the streams drift differently: no drifts are marked"]
    kinds: dict[str, list[int]] = {}
    for number, drift in enumerate(traces[0].drifts, start=1):
        kinds.setdefault(drift_name(drift), []).append(number)
    words = []
    if kinds:
        listed = ", ".join(f"{kind} {number_ranges(numbers)}" for kind, numbers in kinds.items())
        words.append(f"{_DRIFT} drifts: {listed}")
    if any(trace.blips for trace in traces):
        words.append(f"{_BLIP} blips, which are no drifts")
    return words or ["no drifts"]


def _event_words(trace: Trace) -> list[str]:
    false = len(judge_alarms(trace, TOLERANCE).false_alarms)
    answers = len(set(trace.alarms)) - false
    counts = (
        (answers, f"{_ANSWER} alarms that answer a drift: {answers}"),
        (false, f"{_FALSE} false alarms: {false}"),
        (len(set(trace.growths)), f"{_GROWTH} growths: {len(set(trace.growths))}"),
    )
    return [text for count, text in counts if count]


def _seed_words(timeline: Timeline) -> str:
    words = "line: mean over seeds, shaded: least to greatest"
    return f"{words}; stretched, as drifts lie elsewhere in each seed" if timeline.stretched else words


def _samples(count: int) -> str:
    return f"{count:,} samples" if count > 1 else "sample"
