"""Means and intervals over seeds."""

from __future__ import annotations

import math
import random

import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from morph_cl.errors import UsageError
from morph_cl.metrics.intervals import mean_interval, paired_interval, t_quantile


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.99, 0.999])
@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 9, 10, 29, 30, 99, 1000])
def test_quantiles_are_those_of_scipy(confidence: float, degrees: int) -> None:
    expected = scipy.stats.t.ppf((1 + confidence) / 2, degrees)
    assert t_quantile(confidence, degrees) == pytest.approx(expected, rel=1e-10)


def test_interval_is_that_of_scipy() -> None:
    values = [0.91, 0.88, 0.93, 0.90, 0.86]
    low, high = scipy.stats.t.interval(0.95, 4, loc=0.896, scale=scipy.stats.sem(values))
    found = mean_interval(values)
    assert (found.mean, found.low, found.high) == pytest.approx((0.896, low, high))
    assert (found.count, found.missing) == (5, 0)


def test_what_is_missing_is_counted_and_left_out() -> None:
    found = mean_interval([0.5, math.nan, 0.7])
    assert (found.mean, found.count, found.missing) == (pytest.approx(0.6), 2, 1)
    assert found.half_width == pytest.approx(12.7062047 * 0.1)


def test_one_value_has_a_mean_and_no_interval() -> None:
    found = mean_interval([0.5])
    assert found.mean == 0.5
    assert math.isnan(found.half_width)
    assert math.isnan(found.low)


def test_no_value_has_neither() -> None:
    found = mean_interval([math.nan, math.nan])
    assert math.isnan(found.mean)
    assert (found.count, found.missing) == (0, 2)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95])
def test_a_confidence_that_is_no_probability_is_refused(confidence: float) -> None:
    with pytest.raises(UsageError, match=r"0\.95"):
        mean_interval([0.1, 0.2], confidence)


values = st.lists(st.floats(0, 1), min_size=2, max_size=12)


@given(values, st.randoms(use_true_random=False))
def test_the_order_of_seeds_does_not_matter(figures: list[float], order: random.Random) -> None:
    shuffled = figures[:]
    order.shuffle(shuffled)
    assert mean_interval(shuffled) == mean_interval(figures)


@given(values)
def test_the_interval_holds_the_mean_and_grows_with_confidence(figures: list[float]) -> None:
    narrow, wide = mean_interval(figures, 0.8), mean_interval(figures, 0.95)
    assert wide.low <= narrow.low <= narrow.mean <= narrow.high <= wide.high


@given(st.floats(0, 1), st.integers(2, 10))
def test_equal_seeds_have_an_interval_of_no_width(figure: float, count: int) -> None:
    assert mean_interval([figure] * count).half_width == pytest.approx(0, abs=1e-12)


FIGURES = st.dictionaries(st.integers(0, 20), st.floats(0, 1), min_size=2)


def test_pairs_are_judged_by_their_differences() -> None:
    whole, without = {0: 0.9, 1: 0.5, 2: 0.7}, {0: 0.88, 1: 0.48, 2: 0.67}
    found = paired_interval(whole, without)
    low, high = scipy.stats.t.interval(0.95, 2, loc=0.07 / 3, scale=scipy.stats.sem([0.02, 0.02, 0.03]))
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.excludes_zero
    assert mean_interval(whole.values()).half_width > 10 * found.half_width


def test_a_seed_without_its_pair_is_left_out() -> None:
    found = paired_interval({0: 0.9, 1: 0.8}, {1: 0.7, 2: 0.1})
    assert (found.mean, found.count) == (pytest.approx(0.1), 1)
    assert not found.excludes_zero


@given(FIGURES, st.floats(0, 1))
def test_what_both_share_falls_out_of_the_difference(figures: dict[int, float], shift: float) -> None:
    found = paired_interval(figures, {seed: value - shift for seed, value in figures.items()})
    assert found.mean == pytest.approx(shift, abs=1e-9)
    assert found.half_width == pytest.approx(0, abs=1e-9)


@given(FIGURES, FIGURES)
def test_the_other_way_round_the_sign_turns(first: dict[int, float], second: dict[int, float]) -> None:
    there, back = paired_interval(first, second), paired_interval(second, first)
    assert there.mean == pytest.approx(-back.mean, nan_ok=True)
    assert there.excludes_zero == back.excludes_zero
    assert there.excludes_zero == (abs(there.mean) > there.half_width)
