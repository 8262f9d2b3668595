"""Prequential curves, by hand and for any trace."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morph_cl import Trace, UsageError, cumulative_accuracy, fading_accuracy, windowed_accuracy
from morph_cl.metrics.drift.prequential import windowed_accuracy_at

UNEVEN = Trace(batch_sizes=[4, 2, 4], correct=[1, 2, 3])


def test_cumulative_by_hand() -> None:
    assert cumulative_accuracy(UNEVEN) == pytest.approx([1 / 4, 3 / 6, 6 / 10])


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (1, [1 / 4, 2 / 2, 3 / 4]),
        (4, [1 / 4, 3 / 6, 3 / 4]),
        (5, [1 / 4, 3 / 6, 5 / 6]),
        (7, [1 / 4, 3 / 6, 6 / 10]),
        (100, [1 / 4, 3 / 6, 6 / 10]),
    ],
)
def test_windowed_by_hand(window: int, expected: list[float]) -> None:
    assert windowed_accuracy(UNEVEN, window) == pytest.approx(expected)


def test_windows_at_single_points() -> None:
    before, *found = windowed_accuracy_at(UNEVEN, 5, [0, 3, 1])
    assert math.isnan(before)
    assert found == pytest.approx([5 / 6, 1 / 4])


def test_fading_by_hand() -> None:
    # Sample by sample: 1/4 four times, 1 twice, with weights 1/2 to the samples after.
    before = [1 / 4 * (1 + 1 / 2 + 1 / 4 + 1 / 8), 1 + 1 / 2 + 1 / 4 + 1 / 8]
    after = [before[0] / 4 + 1 + 1 / 2, before[1] / 4 + 1 + 1 / 2]
    found = fading_accuracy(Trace(batch_sizes=[4, 2], correct=[1, 2]), 0.5)
    assert found == pytest.approx([before[0] / before[1], after[0] / after[1]])


def test_an_empty_stream_has_no_point() -> None:
    empty = Trace(batch_sizes=[], correct=[])
    assert cumulative_accuracy(empty) == windowed_accuracy(empty) == fading_accuracy(empty) == []


@pytest.mark.parametrize("window", [0, -3])
def test_a_window_without_samples_is_refused(window: int) -> None:
    with pytest.raises(UsageError, match="at least 1"):
        windowed_accuracy(UNEVEN, window)


@pytest.mark.parametrize("fading", [0.0, 1.5, math.nan])
def test_a_factor_out_of_range_is_refused(fading: float) -> None:
    with pytest.raises(UsageError, match=r"\(0, 1\]"):
        fading_accuracy(UNEVEN, fading)


@given(st.data())
def test_nothing_forgotten_is_the_cumulative_accuracy(any_trace: st.SearchStrategy[Trace], data: st.DataObject) -> None:
    trace = data.draw(any_trace)
    cumulative = cumulative_accuracy(trace)
    assert fading_accuracy(trace, 1.0) == pytest.approx(cumulative)
    assert fading_accuracy(trace, 1 - 1e-12) == pytest.approx(cumulative, abs=1e-6)
    assert windowed_accuracy(trace, trace.samples) == pytest.approx(cumulative)


@given(st.data(), st.integers(1, 50), st.floats(0.5, 1))
def test_batches_split_evenly_change_nothing(
    any_trace: st.SearchStrategy[Trace], data: st.DataObject, window: int, fading: float
) -> None:
    trace = data.draw(any_trace)
    double = Trace(batch_sizes=[2 * n for n in trace.batch_sizes], correct=[2 * n for n in trace.correct])
    halves = Trace(
        batch_sizes=[n for n in trace.batch_sizes for _ in range(2)],
        correct=[n for n in trace.correct for _ in range(2)],
    )
    curves: list[Callable[[Trace], list[float]]] = [
        cumulative_accuracy,
        lambda split: fading_accuracy(split, fading),
        lambda split: windowed_accuracy(split, 1000),
    ]
    for curve in curves:
        assert curve(halves)[1::2] == pytest.approx(curve(double))
    sizes = dict(zip(halves.edges[1:], halves.batch_sizes, strict=True))
    aligned = sizes[halves.samples] * 2  # a window of the last whole batch
    assert windowed_accuracy(halves, aligned)[-1] == pytest.approx(windowed_accuracy(double, aligned)[-1])
    assert all(0 <= accuracy <= 1 for accuracy in windowed_accuracy(trace, window))
