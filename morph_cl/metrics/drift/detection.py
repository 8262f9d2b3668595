"""How well alarms answer drifts.

The window of a drift runs from its start to ``tolerance`` samples after its end; the next drift's start or the end of
the stream cut it short. So an alarm is in the window of one drift at most: of the latest that had started. In a window
the first alarm detects the drift, further ones are repeats: neither hits nor false. Every other alarm is false, one
raised by a blip too, and one raised by the last batch before a drift.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

from morph_cl.errors import UsageError
from morph_cl.results.prequential import Trace


@dataclass(frozen=True)
class Detection:
    """Alarms, judged by the drifts that they answer.

    Args:
        delays: for each drift the samples since its start that had been seen at its first alarm, the alarm's own sample
            included, so at least 1; NaN where it was missed.
        segments: for each drift the samples from its start to the next one's, or to the end of the stream.
        false_alarms: the alarms in no window, in order.
        repeats: alarms in a window after its first.
        quiet_samples: samples in no window, those in which an alarm is false.
        blips_alarmed: blips with a false alarm from their start to ``tolerance`` samples after their end.
    """

    delays: tuple[float, ...]
    segments: tuple[int, ...]
    false_alarms: tuple[int, ...]
    repeats: int
    quiet_samples: int
    blips_alarmed: int

    @property
    def detected(self) -> int:
        """Drifts that were answered in their window."""
        return sum(not math.isnan(delay) for delay in self.delays)

    @property
    def missed_rate(self) -> float:
        """MDR, the share of drifts without an alarm in their window; NaN where there is no drift."""
        return 1 - self.detected / len(self.delays) if self.delays else math.nan

    @property
    def mean_delay(self) -> float:
        """MTD, mean delay of the detected drifts in samples, at least 1; NaN where none was detected."""
        return _mean(delay for delay in self.delays if not math.isnan(delay))

    @property
    def normalised_delay(self) -> float:
        """Mean over the detected drifts of delay by segment, a fraction in (0, 1]; NaN where none was detected."""
        pairs = zip(self.delays, self.segments, strict=True)
        return _mean(delay / segment for delay, segment in pairs if not math.isnan(delay))

    @property
    def false_alarms_per_1000(self) -> float:
        """False alarms per 1,000 quiet samples; NaN where no sample is quiet."""
        return 1000 * len(self.false_alarms) / self.quiet_samples if self.quiet_samples else math.nan

    @property
    def mean_time_between_false_alarms(self) -> float:
        """MTFA in samples: quiet samples by false alarms; NaN where no sample is quiet.

        Without a false alarm it is the quiet samples: the true one is at least that. ``false_alarms`` tells.
        """
        return self.quiet_samples / max(len(self.false_alarms), 1) if self.quiet_samples else math.nan

    @property
    def mean_time_ratio(self) -> float:
        """MTR, ``MTFA / MTD (1 - MDR)``: the higher the better.

        0 where drifts came and none was detected; NaN where there is no drift or no quiet sample.

        Source:
            Bifet et al., CD-MOA: Change Detection Framework for Massive Online Analysis, IDA 2013.
        """
        if self.delays and not self.detected:
            return 0.0
        return self.mean_time_between_false_alarms / self.mean_delay * (1 - self.missed_rate)

    @property
    def f1(self) -> float:
        """``2 TP / (2 TP + FP + FN)`` of detected drifts, false alarms and missed drifts, a fraction.

        NaN where there is neither a drift nor a false alarm.
        """
        judged = self.detected + len(self.delays) + len(self.false_alarms)
        return 2 * self.detected / judged if judged else math.nan


def judge_alarms(trace: Trace, tolerance: int, alarms: Iterable[int] | None = None) -> Detection:
    """Judge alarms by the drifts that a stream had.

    Args:
        trace: a prequential trace with its drifts and blips.
        tolerance: samples after the end of a drift, abrupt or slow, in which an alarm still counts for it, at least 1.
        alarms: other positions to judge, such as ``trace.growths``; the trace's alarms unless given. Their order does
            not matter, and a position counts once.

    Returns:
        The alarms' judgement; a drift at sample 0 is judged as any other.

    Raises:
        UsageError: a tolerance below 1.
    """
    if tolerance < 1:
        raise UsageError(f"tolerance={tolerance} leaves no sample for an alarm; give at least 1.")
    positions = sorted(set(trace.alarms if alarms is None else alarms))
    ends = trace.segment_ends
    windows = [(drift.start, min(drift.end + tolerance, end)) for drift, end in zip(trace.drifts, ends, strict=True)]
    answers = [positions[bisect_left(positions, start) : bisect_left(positions, end)] for start, end in windows]
    answered = {position for group in answers for position in group}
    false = [position for position in positions if position not in answered]
    disturbed = [any(blip.start <= position < blip.end + tolerance for position in false) for blip in trace.blips]
    return Detection(
        delays=tuple(
            group[0] - start + 1 if group else math.nan for group, (start, _) in zip(answers, windows, strict=True)
        ),
        segments=tuple(end - drift.start for drift, end in zip(trace.drifts, ends, strict=True)),
        false_alarms=tuple(false),
        repeats=sum(max(len(group) - 1, 0) for group in answers),
        quiet_samples=trace.samples - sum(end - start for start, end in windows),
        blips_alarmed=sum(disturbed),
    )


def _mean(values: Iterable[float]) -> float:
    """The mean; NaN where there is nothing to average."""
    terms = list(values)
    return math.fsum(terms) / len(terms) if terms else math.nan
