"""One axis for streams whose drifts lie at other samples: the mean of each drift's places."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from morph_cl.report.formats import mean_measured
from morph_cl.results.prequential import Blip, DriftPoint, Trace


class Timeline:
    """Maps the samples of several streams to one axis so that drift meets drift; linear in between.

    Args:
        traces: the streams, at least one.

    Attributes:
        aligned: whether the streams have the same drifts, but for where they lie. If not, only their ends meet.
        stretched: whether any sample of any stream is moved.
        samples: length of the axis.
    """

    def __init__(self, traces: Sequence[Trace]) -> None:
        kinds = {tuple((drift.kind, drift.recurring) for drift in trace.drifts) for trace in traces}
        self.aligned = len(kinds) == 1
        own = [self._anchors(trace) for trace in traces]
        self._places = [mean_measured(places) for places in zip(*own, strict=True)]
        self.stretched = any(anchors != own[0] for anchors in own)
        self.samples = round(self._places[-1])

    def place(self, position: float, trace: Trace) -> float:
        """Where a sample of a stream lies on the axis.

        Args:
            position: the sample.
            trace: the stream.
        """
        return _interpolate(position, self._anchors(trace), self._places)

    def batches_by(self, place: float, trace: Trace) -> int:
        """How many batches of a stream are over at a place of the axis.

        Args:
            place: from 0 to ``samples``.
            trace: the stream.
        """
        if place >= self.samples:
            return len(trace.batch_sizes)
        return bisect_right(trace.edges, _interpolate(place, self._places, self._anchors(trace))) - 1

    def span(self, traces: Sequence[Trace], spans: Sequence[DriftPoint | Blip]) -> tuple[float, float]:
        """Mean places of start and end of what happened in each stream.

        Args:
            traces: the streams.
            spans: one of each.
        """
        pairs = list(zip(traces, spans, strict=True))
        start = mean_measured(self.place(span.start, trace) for trace, span in pairs)
        return start, mean_measured(self.place(span.end, trace) for trace, span in pairs)

    def _anchors(self, trace: Trace) -> list[float]:
        """What meets: begin, drifts, end."""
        drifts = [float(drift.start) for drift in trace.drifts] if self.aligned else []
        return [0.0, *drifts, float(trace.samples)]


def _interpolate(x: float, xs: Sequence[float], ys: Sequence[float]) -> float:
    """The piecewise linear function through ascending points."""
    piece = min(max(bisect_right(xs, x) - 1, 0), len(xs) - 2)
    low, high = xs[piece], xs[piece + 1]
    share = (x - low) / (high - low) if high > low else 0.0
    return ys[piece] + share * (ys[piece + 1] - ys[piece])
