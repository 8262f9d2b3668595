"""All measures of a run by name."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morph_cl import DriftPoint, RecoveryRule, Trace, UsageError, drift_figures

RULE = RecoveryRule(window=10, eps=0.1, windows=2, reference=40)


def test_means_over_drifts(tens: Callable[..., Trace]) -> None:
    drifts = [DriftPoint(start=start, end=start) for start in (50, 100)]
    trace = tens(*[9] * 5, 1, *[9] * 4, 1, 1, 1, 9, 1, drifts=drifts, alarms=[59])
    found = drift_figures(trace, RULE, tolerance=20, fading=0.5)
    assert found["prequential_accuracy"] == pytest.approx((9 * 9 + 1 + 13) / 150)
    assert found["windowed_accuracy"] == pytest.approx(0.1)
    assert found["fading_accuracy"] == pytest.approx(0.1, abs=0.01)
    assert (found["detection_delay"], found["missed_detection_rate"]) == (10, 0.5)
    assert found["normalised_detection_delay"] == pytest.approx(0.2)
    assert (found["false_alarms_per_1000"], found["mean_time_between_false_alarms"]) == (0, 110)
    assert found["mean_time_ratio"] == pytest.approx(110 / 10 / 2)
    assert found["detection_f1"] == pytest.approx(2 / 3)
    # The first drift is over after 20 samples; the second is not in the 50 that are left.
    assert (found["recovery_samples"], found["recovery_censored"]) == (35, 0.5)
    assert found["maximum_drop"] == pytest.approx(0.8)
    assert found["area_lost"] == pytest.approx((8 + 4 * 8) / 2)
    assert all(math.isnan(found[name]) for name in ("stability_gap", "min_held_out_accuracy"))


def test_an_empty_stream_has_no_figure() -> None:
    assert all(math.isnan(value) for value in drift_figures(Trace(batch_sizes=[], correct=[])).values())


def test_what_is_out_of_range_is_refused() -> None:
    with pytest.raises(UsageError, match="tolerance=-1"):
        drift_figures(Trace(batch_sizes=[1], correct=[1]), tolerance=-1)


@given(st.data())
def test_no_figure_is_infinite(any_trace: st.SearchStrategy[Trace], data: st.DataObject) -> None:
    found = drift_figures(data.draw(any_trace), RULE, tolerance=15)
    assert not any(math.isinf(value) for value in found.values())


def test_they_are_there_at_once() -> None:
    code = (
        "import sys; from morph_cl import Trace, drift_figures; drift_figures(Trace(batch_sizes=[1], correct=[1])); "
        "print(*{'torch', 'avalanche', 'scipy', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
