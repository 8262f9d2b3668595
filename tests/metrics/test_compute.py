"""Every registered metric on a record, and what a failing one does."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable

import pytest

from morph_cl.errors import PluginError
from morph_cl.metrics import plugin
from morph_cl.metrics.compute import compute_metrics, metric_key
from morph_cl.metrics.drift.figures import drift_figures
from morph_cl.metrics.joint import joint_of, record_intransigence, same_stream
from morph_cl.registry import Provider, Registry
from morph_cl.results.prequential import DriftPoint, Trace
from morph_cl.results.record import RunRecord, ScenarioInfo
from morph_cl.specs import MetricSpec

BUNDLED = Provider("metrics", "morph-cl", "0.1.0", bundled=True)
THIRD = Provider("theirs", "their-package", "2.0")


def bundled_registry() -> Registry[MetricSpec]:
    registry: Registry[MetricSpec] = Registry("metric")
    for spec in plugin.register_metrics():
        registry.add(spec, BUNDLED)
    return registry


def test_bundled_metrics_of_a_record(make_record: Callable[..., RunRecord]) -> None:
    figures, warnings = compute_metrics(make_record(), bundled_registry())
    assert warnings == []
    assert math.isnan(figures.pop("validation_average_accuracy"))
    assert figures == pytest.approx(
        {
            "average_accuracy": 0.825,
            "anytime_accuracy": (0.9 + 0.825) / 2,
            "just_learned_accuracy": 0.925,
            "forgetting": 0.2,
            "first_minus_last": 0.2,
            "windowed_forgetting": 0.2,
            "backward_transfer": -0.2,
            "forward_transfer": 0.3,
            "min_accuracy": 0.7,
            "worst_case_accuracy": 0.825,
            "expected_calibration_error": 0.15,
            "parameters": 10,
            "total_bytes": 48,
            "train_seconds": 2.0,
            "eval_seconds": 0.5,
            "samples_per_second": 1_000.0,
        }
    )


def test_validation_average_where_there_is_a_validation_stream(make_record: Callable[..., RunRecord]) -> None:
    record = make_record(validation_matrix=[[0.8, 0.4], [0.6, 1.0]])
    assert compute_metrics(record, bundled_registry())[0]["validation_average_accuracy"] == pytest.approx(0.8)


TRACE = Trace(batch_sizes=[10] * 10, correct=[9] * 5 + [4] * 5, alarms=[79], drifts=[DriftPoint(start=50, end=50)])


def test_a_drifting_run_has_every_drift_figure_besides(make_record: Callable[..., RunRecord]) -> None:
    figures, warnings = compute_metrics(make_record(trace=TRACE), bundled_registry())
    assert warnings == []
    for name, value in drift_figures(TRACE).items():
        assert figures[name] == pytest.approx(value, nan_ok=True)
    assert figures["average_accuracy"] == pytest.approx(0.825)


def test_a_metric_of_the_trace_is_computed_of_drifting_runs_alone(make_record: Callable[..., RunRecord]) -> None:
    registry: Registry[MetricSpec] = Registry("metric")

    def alarms_before_drifts(trace: Trace) -> float:
        return float(sum(position < trace.drifts[0].start for position in trace.alarms))

    theirs = MetricSpec(name="early-alarms", build=alarms_before_drifts, summary="theirs", unit="count", reads="trace")
    registry.add(theirs, THIRD)
    assert compute_metrics(make_record(trace=TRACE), registry) == ({"early_alarms": 0.0}, [])
    assert compute_metrics(make_record(), registry) == ({}, [])
    figures, (warning,) = compute_metrics(make_record(trace=Trace(batch_sizes=[1], correct=[1], alarms=[0])), registry)
    assert math.isnan(figures["early_alarms"])
    assert "early-alarms of plugin their-package" in warning.replace("theirs (", "")


def test_what_a_metric_reads_is_checked() -> None:
    with pytest.raises(PluginError, match="reads is 'matrix'; give 'record' or 'trace'"):
        MetricSpec(name="wrong", build=_broken, summary="theirs", reads="matrix")


def _broken(record: RunRecord) -> float:
    raise ZeroDivisionError("no experts")


@pytest.mark.parametrize(
    ("build", "complaint"),
    [
        (_broken, "ZeroDivisionError: no experts"),
        (lambda record: "high", "ValueError"),
        (lambda record: None, "TypeError"),
        (lambda record: math.inf, "returned inf"),
        ("no_such_package.metrics:figure", "PluginError"),
    ],
    ids=["raises", "text", "none", "infinite", "import"],
)
def test_a_failing_metric_is_nan_and_a_warning(
    make_record: Callable[..., RunRecord], build: object, complaint: str
) -> None:
    registry = bundled_registry()
    registry.add(MetricSpec(name="their-figure", build=build, summary="theirs"), THIRD)  # type: ignore[arg-type]
    figures, warnings = compute_metrics(make_record(), registry)
    assert math.isnan(figures["their_figure"])
    assert figures["average_accuracy"] == pytest.approx(0.825)
    assert len(warnings) == 1
    assert "their-figure" in warnings[0]
    assert "their-package 2.0" in warnings[0]
    assert complaint in warnings[0]


def test_nobody_shadows_a_bundled_figure(make_record: Callable[..., RunRecord]) -> None:
    registry = bundled_registry()
    registry.add(MetricSpec(name="forgetting", build=lambda record: 0.0, summary="none at all"), THIRD)
    figures, _ = compute_metrics(make_record(), registry)
    assert figures["forgetting"] == pytest.approx(0.2)
    assert figures["theirs:forgetting"] == 0.0


def test_keys_are_names_in_snake_case() -> None:
    assert metric_key("average-accuracy") == "average_accuracy"


def test_metrics_are_registered_by_entry_point() -> None:
    """In another process: this one may have loaded plugins of its own."""
    code = (
        "import json, sys; from morph_cl.catalog import load_catalog; "
        "names = [e.spec.name for e in load_catalog().metrics if e.provider.bundled]; "
        "print(json.dumps([names, [m for m in ('torch', 'avalanche', 'scipy.stats') if m in sys.modules]]))"
    )
    program = f"import morph_cl.metrics.intervals, morph_cl.metrics.compute, morph_cl.metrics.joint; {code}"
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    names, heavy = json.loads(printed.stdout)
    assert set(names) == {spec.name for spec in plugin.register_metrics()}
    assert heavy == []


def test_intransigence_against_the_joint_run_of_the_same_stream(
    make_record: Callable[..., RunRecord],
) -> None:
    record = make_record()
    joint = make_record("joint", accuracy_matrix=[[0.95, 0.4], [0.9, 1.0]])
    other_seed = make_record("joint", seed=1)
    assert joint_of(record, [record, other_seed, joint]) is joint
    assert record_intransigence(record, joint) == pytest.approx(0.05)


def test_intransigence_without_a_joint_run_of_the_stream_is_undefined(
    make_record: Callable[..., RunRecord],
) -> None:
    record = make_record()
    assert joint_of(record, [record, make_record("joint", seed=1)]) is None
    assert math.isnan(record_intransigence(record, None))
    assert math.isnan(record_intransigence(record, make_record("joint", seed=1)))


def test_streams_differ_by_what_makes_them(make_record: Callable[..., RunRecord]) -> None:
    record = make_record()
    info = record.scenario_info
    preset = ScenarioInfo(**{**info.model_dump(), "preset": "five-angles"})
    turned = ScenarioInfo(**{**info.model_dump(), "detail": {"angles": [0, 31]}})
    data = record.dataset_info.model_copy(update={"checksum": "another"})
    assert same_stream(record, make_record("morph", scenario_info=preset))
    assert not same_stream(record, make_record(scenario_info=turned))
    assert not same_stream(record, make_record(dataset_info=data))
