"""Detectors attached through the configuration: refused in time, told in the record, resumed exactly."""

from __future__ import annotations

from typing import Any

import pytest

import morph_cl
from morph_cl.bridge.monitor import Monitor
from morph_cl.experiment.listener import RunListener
from morph_cl.report.grouping import group_records

SMALL: dict[str, Any] = {"epochs": 4, "batch_size": 16, "threads": 1}
OPTIONS = {"rotated-mnist": {"experiences": 3}}
NAIVE = {**OPTIONS, "naive": {"lr": 0.05}}
FREE = {
    **OPTIONS,
    "morph": {"boundaries": "free", "window": 64, "dims": 6, "memory": 100},
    "mlp": {"hidden": [16]},
}

DETECTORS = '''
from morph_cl import DetectorSpec, hookimpl

class Fragile:
    """Raises at the hundredth figure."""
    drift_detected = False
    told = 0
    def update(self, value):
        self.told += 1
        if self.told == 100:
            raise RuntimeError("broken")
    def reset(self): pass
    def export(self): return {}
    def load(self, state): pass

@hookimpl
def register_detectors():
    yield DetectorSpec(name="fragile", build=lambda options: Fragile(), summary="A detector.")
'''


def run(blobs, store=None, strategy="naive", options=NAIVE, **settings):
    return morph_cl.run("rotated-mnist", strategy, dataset=blobs, store=store, options=options, **{**SMALL, **settings})


def drifts(record):
    return [event for event in record.events if event.kind == "drift"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"detector": "adwni"}, "Did you mean 'adwin'"),
        ({"detector": "adwin", "options": {"adwin": {"delta": 2}}}, r"adwin\.delta=2"),
        ({"detector": "adwin", "options": {"adwin": {"detla": 0.1}}}, "Did you mean 'delta'"),
        ({"detector": "adwin", "options": {"monitor": {"cooldown": -1}}}, r"monitor\.cooldown=-1"),
        ({"detector": "adwin", "watch": "los"}, "watch='los'"),
        ({"detector": "adwin", "on_drift": "restart"}, "on_drift='restart'"),
        ({"detector": "ddm", "watch": "loss"}, "'ddm' watches error and cannot be told of loss"),
        ({"detector": "two-sample", "watch": "density"}, "watches features and cannot"),
        ({"detector": "adwin", "on_drift": "grow"}, "'naive' cannot grow .*strategies that can: .*morph"),
        ({"detector": "adwin", "on_drift": "switch"}, "'naive' cannot switch"),
        ({"detector": "adwin", "on_drift": "grow", "strategy": "morph"}, "add -o morph.boundaries=free"),
        ({"detector": "oracle", "options": {"oracle": {"at": [9_999]}}}, "trains on 2,880 samples"),
        ({"watch": "loss"}, "watch='loss' without a detector"),
        ({"on_drift": "reset"}, "on_drift='reset' without a detector"),
        ({"options": {"monitor": {"cooldown": 5}}}, "monitor options=.* without a detector"),
        (
            {"strategy": "morph", "options": {"morph": {"boundaries": "free", "detector": "ddm"}}},
            "'ddm' watches error and cannot be told of density",
        ),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_stored(blobs, tmp_path, settings, message):
    settings = {"options": {}, **settings}
    settings["options"] = {**OPTIONS, **settings["options"]}
    with pytest.raises(morph_cl.UsageError, match=message) as refusal:
        run(blobs, tmp_path / "runs", **settings)
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "runs").exists()


def test_a_rotation_is_noticed_and_told_in_the_record(blobs):
    options = {**NAIVE, "river-page-hinkley": {"threshold": 5}}
    record = run(blobs, detector="river-page-hinkley", watch="loss", options=options)
    assert {event.experience for event in drifts(record)} <= {1, 2}
    first = drifts(record)[0].detail
    assert 960 < first["position"] < 1_400
    assert first["action"] == "notify"
    assert record.accuracy_matrix == run(blobs).accuracy_matrix  # watching changes nothing


def test_the_oracle_is_told_the_starts_of_experiences(blobs):
    record = run(blobs, detector="oracle", on_drift="reset")
    assert [event.detail["position"] for event in drifts(record)] == [960, 1_920]
    assert record.metrics["average_accuracy"] != run(blobs).metrics["average_accuracy"]


def test_the_oracle_can_be_told_other_points(blobs):
    record = run(blobs, detector="oracle", options={**NAIVE, "oracle": {"at": [100, 2_000]}})
    assert [event.detail["position"] for event in drifts(record)] == [100, 2_000]


def test_a_detector_that_breaks_costs_nothing_but_itself(blobs, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(DETECTORS)
    told: list[str] = []

    class Witness(RunListener):
        def warned(self, message: str) -> None:
            told.append(message)

    record = run(blobs, detector="fragile", plugin_files=(str(file),), listener=Witness())
    (event,) = record.events
    assert (event.kind, event.detail["error"]) == ("detector-failed", "RuntimeError: broken")
    assert "detector 'fragile' is switched off" in told[0]
    assert record.accuracy_matrix == run(blobs).accuracy_matrix


class StopAfterTwo(RunListener):
    def experience_finished(self, report: Any) -> None:
        if report.experience == 1:
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("detector", "watch", "action"),
    [
        ("adwin", "loss", "reset"),
        ("hddm-w", "error", "raise"),
        ("kswin", "density", "raise"),
        ("two-sample", "features", "reset"),
        ("periodic", "position", "notify"),
    ],
)
def test_a_watched_run_resumes_bit_for_bit(blobs, tmp_path, detector, watch, action):
    settings = {"detector": detector, "watch": watch, "on_drift": action}
    options = {**NAIVE, "periodic": {"every": 300}, "two-sample": {"reference": 200, "window": 40}}
    whole = run(blobs, options=options, **settings)
    with pytest.raises(KeyboardInterrupt):
        run(blobs, tmp_path, options=options, listener=StopAfterTwo(), **settings)
    resumed = morph_cl.resume("latest", store=tmp_path)
    assert resumed.accuracy_matrix == whole.accuracy_matrix
    assert resumed.events == whole.events
    assert drifts(whole)


def test_the_model_of_a_watched_run_is_kept_and_loaded(blobs, tmp_path):
    record = run(blobs, tmp_path, detector="oracle", on_drift="raise")
    strategy = morph_cl.load_model("latest", store=tmp_path)
    (monitor,) = [plugin for plugin in strategy.plugins if isinstance(plugin, Monitor)]
    assert monitor.detector.last == 4 * 3 * 240 - 1
    assert len(drifts(record)) == 2


@pytest.mark.slow
@pytest.mark.parametrize("action", ["reset", "raise"])
@pytest.mark.parametrize(
    "strategy", [entry.spec.name for entry in morph_cl.load_catalog().strategies if entry.provider.bundled]
)
def test_any_strategy_can_be_reset_or_hurried(blobs, strategy, action):
    spec = morph_cl.load_catalog().strategies.get(strategy).spec
    if action in spec.refuses:
        with pytest.raises(morph_cl.UsageError, match=f"{action} means nothing to strategy '{strategy}'"):
            run(blobs, strategy=strategy, options=OPTIONS, detector="periodic", on_drift=action)
        return
    told: list[str] = []

    class Witness(RunListener):
        def warned(self, message: str) -> None:
            told.append(message)

    scenario = "rotated-mnist" if "domain" in spec.settings else "split-mnist"
    options = {scenario: {"experiences": 2}, "periodic": {"every": 300}, "monitor": {"factor": 2}}
    asked = {"detector": "periodic", "on_drift": action, "options": options, "listener": Witness()}
    record = morph_cl.run(scenario, strategy, dataset=blobs, store=None, **SMALL, **asked)
    assert told == []
    assert drifts(record)
    assert all(event.detail["acted"] for event in drifts(record))


@pytest.mark.parametrize("setting", ["class", "task"])
def test_a_reset_leaves_the_classes_of_tasks_alone(blobs, setting):
    record = morph_cl.run(
        "split-mnist", "naive", dataset=blobs, store=None, setting=setting, detector="oracle", on_drift="reset",
        options={"split-mnist": {"experiences": 2}}, **SMALL,
    )  # fmt: skip
    assert len(drifts(record)) == 1
    assert record.accuracy_matrix[1][1] > 0.8


@pytest.mark.parametrize("action", ["grow", "switch", "reset"])
def test_morph_acts_on_any_detector(blobs, tmp_path, action):
    options = {**FREE, "oracle": {"at": [1_000, 2_000]}}
    settings = {"strategy": "morph", "options": options, "detector": "oracle", "on_drift": action}
    record = run(blobs, **settings)
    assert len(drifts(record)) == 2
    if action == "grow":
        assert [event.detail["acted"] for event in drifts(record)] == [True, True]
        assert record.experts[-1] >= 3
    with pytest.raises(KeyboardInterrupt):
        run(blobs, tmp_path, listener=StopAfterTwo(), **settings)
    assert morph_cl.resume("latest", store=tmp_path).accuracy_matrix == record.accuracy_matrix


def test_runs_with_other_detectors_are_compared_side_by_side(blobs):
    records = [
        run(blobs),
        run(blobs, detector="adwin", watch="loss"),
        run(blobs, detector="adwin", watch="loss", options={**NAIVE, "adwin": {"delta": 0.1}}),
        run(blobs, detector="adwin", watch="loss", on_drift="raise", options={**NAIVE, "monitor": {"steps": 5}}),
    ]
    labels = [group.label for group in group_records(records)]
    assert labels == [
        "naive detector=none",
        "naive detector=adwin watch=loss",
        "naive detector=adwin delta=0.1 watch=loss",
        "naive detector=adwin on_drift=raise steps=5 watch=loss",
    ]
