"""Expected calibration error."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morph_cl.metrics.calibration import expected_calibration_error
from morph_cl.results.record import CalibrationBin


def test_by_hand() -> None:
    bins = [
        CalibrationBin(count=30, confidence=0.6, accuracy=0.5),
        CalibrationBin(count=0, confidence=math.nan, accuracy=math.nan),
        CalibrationBin(count=70, confidence=0.9, accuracy=0.95),
    ]
    assert expected_calibration_error(bins) == pytest.approx(0.3 * 0.1 + 0.7 * 0.05)


@pytest.mark.parametrize(
    "bins", [[], [CalibrationBin(count=0, confidence=math.nan, accuracy=math.nan)]], ids=["no bins", "empty"]
)
def test_without_predictions_it_is_undefined(bins: list[CalibrationBin]) -> None:
    assert math.isnan(expected_calibration_error(bins))


fractions = st.floats(0, 1)


@given(st.lists(st.tuples(st.integers(1, 1_000), fractions, fractions), min_size=1, max_size=20))
def test_a_model_as_sure_as_it_is_right_has_none(bins: list[tuple[int, float, float]]) -> None:
    calibrated = [CalibrationBin(count=n, confidence=right, accuracy=right) for n, right, _ in bins]
    any_model = [CalibrationBin(count=n, confidence=sure, accuracy=right) for n, right, sure in bins]
    assert expected_calibration_error(calibrated) == 0
    assert 0 <= expected_calibration_error(any_model) <= 1 + 1e-12
