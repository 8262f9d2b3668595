"""What there is to draw of runs over drifting streams: curves, drifts, alarms and growths on one axis."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from morph_cl.metrics.drift.detection import judge_alarms
from morph_cl.metrics.drift.figures import TOLERANCE
from morph_cl.metrics.drift.prequential import windowed_accuracy_at
from morph_cl.report.formats import mean_measured, number_ranges, one_line
from morph_cl.report.grouping import Group, group_records
from morph_cl.report.stream_plot import Mark
from morph_cl.report.timeline import Timeline
from morph_cl.results.prequential import DriftPoint, Trace
from morph_cl.results.record import RunRecord

DRIFT, BLIP, ANSWER, FALSE, GROWTH = "▲", "~", "!", "x", "+"
"""What stands for a drift, a blip, an alarm that answers a drift, a false alarm, an expert grown."""


@dataclass(frozen=True)
class Curve:
    """Accuracy of a strategy along the axis, at equal distances from sample 0 to the last.

    Args:
        mean: (points + 1,) fractions, over its seeds; NaN before the first batch.
        low: (points + 1,) the least of its seeds.
        high: (points + 1,) the greatest.
    """

    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


class Streams:
    """Strategies on drifting streams, their seeds stretched so that drift meets drift.

    Args:
        records: runs with a trace, at least one.

    Attributes:
        groups: the strategies.
        timeline: their common axis.
        window: samples of the windows that curves are drawn of.
    """

    def __init__(self, records: Sequence[RunRecord]) -> None:
        self.groups = group_records(records)
        self.traces = [trace for group in self.groups for trace in traces_of(group)]
        self.timeline = Timeline(self.traces)
        self.window = curve_window(max(trace.samples for trace in self.traces))

    @property
    def several_seeds(self) -> bool:
        """Whether any strategy has more than one run."""
        return any(len(group.records) > 1 for group in self.groups)

    def curve(self, group: Group, points: int) -> Curve:
        """A strategy's accuracy along the axis.

        Args:
            group: the strategy.
            points: distances between the points.
        """
        curves = [self._resampled(trace, points) for trace in traces_of(group)]
        measured = [[value for value in column if not math.isnan(value)] for column in zip(*curves, strict=True)]
        return Curve(
            mean=tuple(map(mean_measured, measured)),
            low=tuple(min(column, default=math.nan) for column in measured),
            high=tuple(max(column, default=math.nan) for column in measured),
        )

    def _resampled(self, trace: Trace, points: int) -> list[float]:
        places = [self.timeline.samples * point / points for point in range(points + 1)]
        return windowed_accuracy_at(trace, self.window, [self.timeline.batches_by(place, trace) for place in places])

    def drifts(self) -> list[Mark]:
        """Drifts by their number, and blips, where the streams agree on them."""
        if not self.timeline.aligned:
            return []
        marks = []
        for number in range(len(self.traces[0].drifts)):
            start, end = self.timeline.span(self.traces, [trace.drifts[number] for trace in self.traces])
            marks.append(Mark(start, DRIFT, str(number + 1), end if end > start else -1.0, "yellow"))
        if len({len(trace.blips) for trace in self.traces}) == 1:
            for number in range(len(self.traces[0].blips)):
                start, _ = self.timeline.span(self.traces, [trace.blips[number] for trace in self.traces])
                marks.append(Mark(start, BLIP, style="yellow"))
        return sorted(marks, key=lambda mark: mark.position)

    def alarms(self, group: Group) -> list[Mark]:
        """A strategy's alarms, those of all its seeds.

        Args:
            group: the strategy.
        """
        return self._placed(group, alarm_marks)

    def growths(self, group: Group) -> list[Mark]:
        """Where a strategy grew an expert, in all its seeds.

        Args:
            group: the strategy.
        """
        return self._placed(group, growth_marks)

    def _placed(self, group: Group, marks: Callable[[Trace], list[Mark]]) -> list[Mark]:
        placed = [
            replace(mark, position=self.timeline.place(mark.position, trace))
            for trace in traces_of(group)
            for mark in marks(trace)
        ]
        return sorted(placed, key=lambda mark: mark.position)

    def drift_words(self) -> list[str]:
        """What the marks of drifts mean."""
        if not self.timeline.aligned:
            return ["the streams drift differently: no drifts are marked"]
        kinds: dict[str, list[int]] = {}
        for number, drift in enumerate(self.traces[0].drifts, start=1):
            kinds.setdefault(drift_name(drift), []).append(number)
        words = []
        if kinds:
            listed = ", ".join(f"{kind} {number_ranges(numbers)}" for kind, numbers in kinds.items())
            words.append(f"{DRIFT} drifts: {listed}")
        if any(trace.blips for trace in self.traces):
            words.append(f"{BLIP} blips, which are no drifts")
        return words or ["no drifts"]

    def seed_words(self) -> str:
        """What lines and bands mean where there are several seeds."""
        words = "line: mean over seeds, shaded: least to greatest"
        return f"{words}; stretched, as drifts lie elsewhere in each seed" if self.timeline.stretched else words


def traces_of(group: Group) -> list[Trace]:
    """The traces of a strategy's runs.

    Args:
        group: the strategy.
    """
    return [record.trace for record in group.records if record.trace is not None]


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
    return kind_name(drift.kind, drift.recurring)


def kind_name(kind: str, recurring: bool) -> str:
    """What a kind of drift is called.

    Args:
        kind: the kind.
        recurring: whether the concept was known.
    """
    return one_line(f"{kind}, known" if recurring and kind != "recurring" else kind)


def alarm_marks(trace: Trace) -> list[Mark]:
    """The alarms of a run, those that answer a drift told from false ones.

    Args:
        trace: its trace.
    """
    false = set(judge_alarms(trace, TOLERANCE).false_alarms)
    return [
        Mark(position, FALSE, style="red") if position in false else Mark(position, ANSWER, style="green")
        for position in sorted(set(trace.alarms))
    ]


def growth_marks(trace: Trace) -> list[Mark]:
    """Where a run grew an expert.

    Args:
        trace: its trace.
    """
    return [Mark(position, GROWTH, style="cyan") for position in sorted(set(trace.growths))]


def count_marks(marks: Sequence[Mark]) -> dict[str, int]:
    """How many marks there are of each kind.

    Args:
        marks: the marks.

    Returns:
        Counts by the character that stands for the kind.
    """
    return dict(Counter(mark.glyph for mark in marks))
