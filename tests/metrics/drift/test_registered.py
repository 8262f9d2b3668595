"""The measures of drifting runs as records."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from morph_cl import Trace, drift_figures
from morph_cl.metrics.compute import metric_key
from morph_cl.metrics.drift.registered import drift_metrics


def test_there_is_one_for_each_figure_in_order() -> None:
    specs = list(drift_metrics())
    assert [metric_key(spec.name) for spec in specs] == list(drift_figures(Trace(batch_sizes=[], correct=[])))
    assert {spec.reads for spec in specs} == {"trace"}


def test_they_say_unit_and_direction() -> None:
    by_name = {spec.name: spec for spec in drift_metrics()}
    facts = {name: (by_name[name].unit, by_name[name].higher_is_better) for name in by_name}
    assert facts["prequential-accuracy"] == ("fraction", True)
    assert facts["detection-delay"] == ("samples", False)
    assert facts["mean-time-ratio"] == ("ratio", True)
    assert facts["recovery-samples"] == ("samples", False)
    assert facts["stability-gap"] == ("fraction", False)


@settings(max_examples=30)
@given(st.data())
def test_each_gives_the_figure_of_its_name(any_trace: st.SearchStrategy[Trace], data: st.DataObject) -> None:
    trace = data.draw(any_trace)
    found = {metric_key(spec.name): spec.resolve()(trace) for spec in drift_metrics()}
    assert found == pytest.approx(drift_figures(trace), nan_ok=True)
