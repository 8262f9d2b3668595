"""A prequential trace: what fits together is taken and comes back from JSON, the rest is refused by name."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import ValidationError

from morph_cl import Blip, DriftPoint, HeldOutPoint, Trace

WHOLE: dict[str, Any] = {
    "batch_sizes": [10, 10, 5],
    "correct": [3, 10, 0],
    "alarms": [24, 0],
    "growths": [9],
    "drifts": [DriftPoint(start=10, end=20, kind="gradual"), DriftPoint(start=20, end=20, recurring=True)],
    "blips": [Blip(start=3, end=5)],
    "concepts": [0, 1, 0],
    "held_out": [HeldOutPoint(samples=0, accuracies=[0.1, math.nan]), HeldOutPoint(samples=25, accuracies=[0.5, 0.2])],
}


def test_a_trace_comes_back_from_json() -> None:
    text = Trace(**WHOLE).model_dump_json()
    assert "NaN" not in text
    found = Trace.model_validate_json(text)
    assert math.isnan(found.held_out[0].accuracies[1])
    assert found.model_dump_json() == text


def test_where_batches_and_segments_lie() -> None:
    trace = Trace(**WHOLE)
    assert trace.samples == 25
    assert trace.edges == [0, 10, 20, 25]
    assert trace.segment_ends == [20, 25]
    assert Trace(batch_sizes=[4], correct=[4]).segment_ends == []


def test_an_empty_stream_is_a_trace() -> None:
    trace = Trace(batch_sizes=[], correct=[])
    assert (trace.samples, trace.edges) == (0, [0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"correct": [3, 10]}, "2 counts do not fit 3 batches"),
        ({"correct": [3, 11, 0]}, "11 right predictions in batch 1 of 10 samples"),
        ({"batch_sizes": [10, 0, 5]}, "greater than 0"),
        ({"alarms": [25]}, "alarm at 25 lies behind the stream; samples count from 0 to 24"),
        ({"growths": [30]}, "growth at 30"),
        ({"blips": [Blip(start=20, end=26)]}, r"Blip 20\.\.26 leaves the stream of 25"),
        ({"drifts": [DriftPoint(start=25, end=25)], "concepts": [], "held_out": []}, r"DriftPoint 25\.\.25 leaves"),
        ({"drifts": [DriftPoint(start=5, end=15), DriftPoint(start=14, end=14)]}, r"5\.\.15 and 14\.\.14 overlap"),
        ({"drifts": [DriftPoint(start=5, end=5), DriftPoint(start=5, end=9)]}, "overlap"),
        ({"drifts": [DriftPoint(start=9, end=9), DriftPoint(start=5, end=5)]}, "out of order"),
        ({"concepts": [0, 1]}, "2 concepts do not fit 2 drifts; give 3"),
        ({"concepts": []}, "held-out accuracies without concepts"),
        ({"concepts": [0, 1, 2]}, "2 held-out accuracies after 0 samples; give 3"),
        ({"held_out": WHOLE["held_out"][::-1]}, "out of order"),
        ({"held_out": [HeldOutPoint(samples=26, accuracies=[0.1, 0.2])]}, "after 26 samples .* stream of 25"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Trace(**{**WHOLE, **change})


@pytest.mark.parametrize("part", [DriftPoint, Blip])
def test_what_ends_before_it_starts_is_refused(part: type[DriftPoint] | type[Blip]) -> None:
    with pytest.raises(ValidationError, match="starts at 9 cannot end at 8"):
        part(start=9, end=8)
