"""The two-sample test notices inputs that change, and alarms falsely no more often than it says."""

import json
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from morph_cl import UsageError


@pytest.mark.parametrize("seed", range(5))
def test_a_moved_input_is_noticed_within_two_windows(seed, make, vectors, alarms):
    detector = make("two-sample")
    alarms(detector, vectors(0, 775, seed))  # in the midst of a window
    (first, *_) = alarms(detector, vectors(2, 200, seed + 100))
    assert first < 100


@pytest.mark.parametrize("seed", range(5))
def test_no_alarm_in_10_000_samples_of_one_distribution(seed, make, vectors, alarms):
    assert alarms(make("two-sample"), vectors(0, 10_000, seed)) == []


@pytest.mark.parametrize("draw", [lambda s: s.gauss(0, 1), lambda s: s.paretovariate(1), lambda s: s.randrange(3)])
def test_false_alarms_are_no_more_than_promised_whatever_the_distribution(draw, make, alarms):
    source, alpha, tests = random.Random(4), 0.05, 0
    found = 0
    for _ in range(150):
        detector = make("two-sample", reference=60, window=20, alpha=alpha)
        vectors = ([float(draw(source)) for _ in range(2)] for _ in range(60 + 4 * 20))
        found += len(alarms(detector, vectors))
        tests += 4
    # Tests against one reference hang together: allow twice the standard deviation of independent ones, twice.
    assert found <= alpha * tests + 4 * math.sqrt(tests * alpha * (1 - alpha))


def test_a_change_of_spread_is_noticed_too(make, alarms):
    source = random.Random(0)
    wide = [[source.gauss(0, 3) for _ in range(4)] for _ in range(200)]
    still = [[source.gauss(0, 1) for _ in range(4)] for _ in range(600)]
    assert alarms(make("two-sample"), still + wide)[0] >= 600


def test_constant_features_are_no_drift(make, alarms):
    assert alarms(make("two-sample"), [[1.0, 2.0]] * 1_000) == []


@settings(max_examples=15)
@given(cut=st.integers(0, 140), seed=st.integers(0, 100))
def test_a_restored_test_goes_on_bit_for_bit(make, vectors, cut, seed):
    options = {"reference": 40, "window": 20, "alpha": 0.01}
    detector, other = make("two-sample", **options), make("two-sample", **options)
    figures = [*vectors(0, 90, seed), *vectors(3, 50, seed + 1)]
    for figure in figures[:cut]:
        detector.update(figure)
    other.load(json.loads(json.dumps(detector.export())))
    for figure in figures[cut:]:
        detector.update(figure)
        other.update(figure)
        assert other.export() == detector.export()


def test_bad_vectors_are_refused(make):
    detector = make("two-sample")
    detector.update([1.0, 2.0])
    with pytest.raises(ValueError, match="3 features after 2"):
        detector.update([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="not finite"):
        detector.update([1.0, math.nan])


def test_windows_that_can_never_alarm_are_refused(make):
    with pytest.raises(UsageError, match="can never be reached by 10 held-out samples against 5"):
        make("two-sample", reference=20, window=5)
    make("two-sample", reference=20, window=5, alpha=0.01)
