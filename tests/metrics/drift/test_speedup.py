"""Adaptation speed-up: by hand, with censored cases, and for any pair of traces."""

from __future__ import annotations

import math

import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from morph_cl import DriftPoint, Trace, UsageError, measure_speed_ups
from morph_cl.metrics.drift.recovery import RecoveryRule

RULE = RecoveryRule(window=10, eps=0.1, windows=2, reference=40)


def back_after(*recoveries: int, recurring: bool = False) -> Trace:
    """Drifts every 100 samples; after each, the given number of bad batches of 10 comes before good ones."""
    correct = [9] * 10
    for bad in recoveries:
        correct += [1] * bad + [9] * (10 - bad)
    drifts = [DriftPoint(start=100 * i, end=100 * i, recurring=recurring) for i in range(1, len(recoveries) + 1)]
    return Trace(batch_sizes=[10] * len(correct), correct=correct, drifts=drifts)


def test_by_hand() -> None:
    # Recovery takes the bad batches and one good one.
    strategy = {0: back_after(0, 0), 1: back_after(1, 0), 2: back_after(0, 0)}
    baseline = {0: back_after(1, 3), 1: back_after(7, 1), 2: back_after(3, 3), 9: back_after(0, 0)}
    (found,) = measure_speed_ups(strategy, baseline, RULE)
    by_seed = [math.log(2 * 4) / 2, math.log(4 * 2) / 2, math.log(4 * 4) / 2]
    low, high = scipy.stats.t.interval(0.95, 2, loc=sum(by_seed) / 3, scale=scipy.stats.sem(by_seed))
    assert found.ratio == pytest.approx(math.exp(sum(by_seed) / 3))
    assert (found.low, found.high) == pytest.approx((math.exp(low), math.exp(high)))
    assert (found.kind, found.recurring, found.seeds, found.drifts, found.bound) == ("abrupt", False, 3, 6, "exact")
    # One of the baseline's six drifts meets it before it is whole again.
    assert (found.strategy_level, found.baseline_level) == pytest.approx((0.9, (5 * 0.9 + 0.7) / 6))


def test_censored_cases_count_with_what_they_take_at_least() -> None:
    (found,) = measure_speed_ups({0: back_after(1)}, {0: back_after(10)}, RULE)
    assert (found.ratio, found.baseline_censored, found.strategy_censored) == (pytest.approx(100 / 20), 1, 0)
    assert found.bound == "at least"
    (back,) = measure_speed_ups({0: back_after(10)}, {0: back_after(1)}, RULE)
    assert (back.ratio, back.bound) == (pytest.approx(20 / 100), "at most")
    (both,) = measure_speed_ups({0: back_after(10)}, {0: back_after(10)}, RULE)
    assert (both.ratio, both.bound) == (1, "unknown")
    assert math.isnan(found.low), "one seed has no interval"


def test_kinds_are_told_apart() -> None:
    drifts = [
        DriftPoint(start=100, end=100),
        DriftPoint(start=200, end=220, kind="gradual"),
        DriftPoint(start=300, end=300, recurring=True),
        DriftPoint(start=400, end=400),
    ]
    fast, slow = (back_after(*bad).model_copy(update={"drifts": drifts}) for bad in ((0, 3, 0, 0), (1, 5, 7, 7)))
    found = measure_speed_ups({4: fast}, {4: slow}, RULE)
    assert [(entry.kind, entry.recurring, entry.drifts) for entry in found] == [
        ("abrupt", False, 2),
        ("gradual", False, 1),
        ("abrupt", True, 1),
    ]
    assert [entry.ratio for entry in found] == pytest.approx([math.sqrt(2 * 8), 40 / 20, 8])


def test_a_drift_without_recovery_times_has_no_ratio() -> None:
    trace = back_after(0).model_copy(update={"drifts": [DriftPoint(start=0, end=0)]})
    (found,) = measure_speed_ups({0: trace}, {0: trace}, RULE)
    assert math.isnan(found.ratio)
    assert (found.seeds, found.drifts) == (0, 0)


def test_a_stream_without_drifts_has_no_entry() -> None:
    assert measure_speed_ups({0: back_after()}, {0: back_after()}) == []


def test_seeds_far_apart_have_an_interval_without_end() -> None:
    fast, slow = back_after(0), back_after(10)
    (found,) = measure_speed_ups({0: fast, 1: slow}, {0: slow, 1: fast}, RULE, confidence=0.999)
    assert (found.ratio, found.low, found.high) == (pytest.approx(1), 0.0, math.inf)


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(UsageError, match=r"no common seed: the strategy has \[0\], the baseline \[1\]"):
        measure_speed_ups({0: back_after(1)}, {1: back_after(1)})
    with pytest.raises(UsageError, match="streams of seed 3 differ"):
        measure_speed_ups({3: back_after(1)}, {3: back_after(1, recurring=True)})
    with pytest.raises(UsageError, match="confidence=95"):
        measure_speed_ups({0: back_after(1)}, {0: back_after(1)}, confidence=95)


@given(st.data())
def test_the_other_way_round_is_the_inverse(any_trace: st.SearchStrategy[Trace], data: st.DataObject) -> None:
    rule = RecoveryRule(window=3, eps=0.2, windows=2, reference=10)
    first = data.draw(any_trace)
    correct = [data.draw(st.integers(0, size)) for size in first.batch_sizes]
    second = first.model_copy(update={"correct": correct})
    for there, back in zip(
        measure_speed_ups({0: first, 1: second}, {0: second, 1: second}, rule),
        measure_speed_ups({0: second, 1: second}, {0: first, 1: second}, rule),
        strict=True,
    ):
        assert there.ratio == pytest.approx(1 / back.ratio, nan_ok=True)
        assert there.strategy_censored == back.baseline_censored
        assert (there.seeds, there.drifts) == (back.seeds, back.drifts)


@given(st.data())
def test_a_strategy_is_as_fast_as_itself(any_trace: st.SearchStrategy[Trace], data: st.DataObject) -> None:
    trace = data.draw(any_trace)
    for found in measure_speed_ups({0: trace, 1: trace}, {0: trace, 1: trace}):
        assert math.isnan(found.ratio) or (found.ratio, found.low, found.high) == (1, 1, 1)
