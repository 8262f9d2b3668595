"""Whole runs through the Python API, on a small data set of the user's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from avalanche.training.plugins import EWCPlugin, LwFPlugin, ReplayPlugin

import morph_cl
from morph_cl.bridge.dataset import TensorView
from morph_cl.experiment.listener import Progress, RunListener
from morph_cl.results.record import ExperienceReport, RunRecord, RunStart

SMALL: dict[str, Any] = {"epochs": 2, "batch_size": 16, "threads": 1}
OPTIONS = {"rotated-mnist": {"experiences": 3}}


class Witness(RunListener):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.progress: list[Progress] = []
        self.reports: list[ExperienceReport] = []

    def started(self, start: RunStart) -> None:
        self.told.append(f"started {start.strategy.name}")

    def progressed(self, progress: Progress) -> None:
        self.progress.append(progress)

    def experience_finished(self, report: ExperienceReport) -> None:
        self.told.append(f"experience {report.experience}")
        self.reports.append(report)

    def finished(self, record: RunRecord) -> None:
        self.told.append("finished")

    def warned(self, message: str) -> None:
        self.told.append(f"warned {message}")


class StopAfter(RunListener):
    """Interrupts the run after an experience, as Ctrl-C would."""

    def __init__(self, experience: int) -> None:
        self.experience = experience

    def experience_finished(self, report: ExperienceReport) -> None:
        if report.experience == self.experience:
            raise KeyboardInterrupt


def test_a_run_is_recorded_told_of_and_stored(blobs, tmp_path):
    witness = Witness()
    record = morph_cl.run(
        "rotated-mnist",
        "naive",
        dataset=blobs,
        options=OPTIONS,
        store=tmp_path / "runs",
        listener=witness,
        validation=0.2,
        **SMALL,
    )
    assert witness.told == ["started naive", "experience 0", "experience 1", "experience 2", "finished"]
    assert [report.row for report in witness.reports] == record.accuracy_matrix
    assert all(0 <= step.fraction <= 1 for step in witness.progress)
    assert [len(row) for row in record.accuracy_matrix] == [3, 3, 3]
    assert all(0 <= value <= 1 for row in record.accuracy_matrix for value in row)
    assert len(record.initial_accuracy) == 3
    assert len(record.validation_matrix) == 3
    assert record.metrics["just_learned_accuracy"] > 0.9
    assert record.dataset_info.train_size == 240
    assert record.timing.train_seconds > 0
    assert record.experts == [1, 1, 1]
    assert sum(bin_.count for bin_ in record.calibration) == 3 * 80
    assert record.curve[-1].samples == 3 * 192 * 2
    assert morph_cl.load_run("latest", store=tmp_path / "runs") == record
    assert [r.run_id for r in morph_cl.load_runs(tmp_path / "runs")] == [record.run_id]
    assert not list((tmp_path / "runs" / record.run_id).glob("checkpoint/*")), "a finished run keeps no checkpoint"


@pytest.mark.parametrize(("strategy", "usual"), [("naive", 2_000), ("morph", 5_000)])
@pytest.mark.parametrize("given", [None, 30])
def test_evaluation_takes_steps_of_the_size_given_or_else_of_the_strategys_own(
    blobs, monkeypatch, strategy, usual, given
):
    sizes: set[int] = set()
    span = TensorView.span
    monkeypatch.setattr(
        TensorView, "span", lambda view, start, stop: sizes.add(stop - start) or span(view, start, stop)
    )
    asked = {} if given is None else {"eval_batch_size": given}
    record = morph_cl.run("rotated-mnist", strategy, dataset=blobs, options=OPTIONS, store=None, **SMALL, **asked)
    assert record.config.eval_batch_size == (given or usual)
    assert max(sizes) == min(given or usual, 80), "the test set has 80 samples"


def test_the_json_form_has_the_promised_keys(blobs):
    record = morph_cl.run("single", "naive", dataset=blobs, store=None, **SMALL)
    stored = json.loads(record.to_json())
    assert stored["schema"].startswith("morph-cl/run/")
    assert {stored["scenario"], stored["strategy"]} == {"single", "naive"}
    wanted = "average_accuracy anytime_accuracy forgetting backward_transfer forward_transfer just_learned_accuracy"
    assert set(wanted.split()) <= set(stored["metrics"])
    assert stored["metrics"]["forgetting"] is None, "one experience has nothing to forget"
    assert {"parameters", "total_bytes"} <= set(stored["memory"])
    assert {"train_seconds", "eval_seconds"} <= set(stored["timing"])
    assert stored["experts"] == [1]
    assert stored["events"] == []


def test_one_seed_gives_one_result_and_another_seed_another(blobs):
    def run(seed: int) -> RunRecord:
        options = {"rotated-mnist": {"experiences": 2, "spread": "random"}}
        return morph_cl.run("rotated-mnist", "replay", dataset=blobs, store=None, seed=seed, options=options, **SMALL)

    first, again, other = run(0), run(0), run(1)
    assert first.accuracy_matrix == again.accuracy_matrix
    assert first.scenario_info.detail == again.scenario_info.detail
    assert first.scenario_info.detail != other.scenario_info.detail


def test_one_seed_gives_every_strategy_the_same_stream(blobs):
    records = morph_cl.compare(
        "rotated-mnist",
        ["naive", "replay"],
        seeds=2,
        dataset=blobs,
        store=None,
        options={"rotated-mnist": {"experiences": 2, "spread": "random"}, "replay": {"mem_size": 20}},
        **SMALL,
    )
    assert [(r.strategy, r.seed) for r in records] == [
        ("naive", 0),
        ("replay", 0),
        ("naive", 1),
        ("replay", 1),
    ]
    assert records[0].scenario_info.detail == records[1].scenario_info.detail
    assert records[1].strategy_info.options["mem_size"] == 20


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["morph", "replay", "der", "ewc"])
def test_a_resumed_run_gives_the_matrix_of_one_that_never_stopped(blobs, tmp_path, strategy):
    settings = {"dataset": blobs, "options": OPTIONS, **SMALL}
    whole = morph_cl.run("rotated-mnist", strategy, store=None, **settings)
    with pytest.raises(KeyboardInterrupt):
        morph_cl.run("rotated-mnist", strategy, store=tmp_path, listener=StopAfter(1), **settings)
    resumed = morph_cl.resume("latest", store=tmp_path)
    assert resumed.accuracy_matrix == whole.accuracy_matrix
    assert resumed.initial_accuracy == whole.initial_accuracy
    assert resumed.experts == whole.experts
    assert [event.kind for event in resumed.events] == [event.kind for event in whole.events]
    assert resumed.memory.total_bytes == whole.memory.total_bytes
    with pytest.raises(morph_cl.UsageError, match="is finished"):
        morph_cl.resume("latest", store=tmp_path)


def test_a_run_stopped_before_its_first_boundary_cannot_be_resumed(blobs, tmp_path):
    class StopAtOnce(RunListener):
        def started(self, start: RunStart) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        morph_cl.run("single", "naive", dataset=blobs, store=tmp_path, listener=StopAtOnce(), **SMALL)
    with pytest.raises(morph_cl.CheckpointError, match="start it again"):
        morph_cl.resume("latest", store=tmp_path)


def test_resume_refuses_other_data(blobs, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        morph_cl.run(
            "rotated-mnist",
            "naive",
            dataset=blobs,
            options=OPTIONS,
            store=tmp_path / "runs",
            listener=StopAfter(0),
            **SMALL,
        )
    import numpy as np

    arrays = dict(np.load(blobs))
    arrays["x_train"][0] += 1
    np.savez(blobs, **arrays)
    with pytest.raises(morph_cl.CheckpointError, match="checksum"):
        morph_cl.resume("latest", store=tmp_path / "runs")


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["morph", "naive", "der", "replay"])
@pytest.mark.parametrize("plugin", [lambda: EWCPlugin(ewc_lambda=1.0), LwFPlugin, lambda: ReplayPlugin(20)])
def test_any_supervised_plugin_attaches_to_any_strategy(blobs, strategy, plugin):
    record = morph_cl.run(
        "rotated-mnist",
        strategy,
        dataset=blobs,
        store=None,
        options={"rotated-mnist": {"experiences": 2}},
        avalanche_plugins=[plugin()],
        **SMALL,
    )
    assert record.metrics["just_learned_accuracy"] > 0.5


def test_a_plugin_named_in_the_configuration_is_attached_and_counted(blobs, tmp_path):
    record = morph_cl.run(
        "single",
        "naive",
        dataset=blobs,
        store=None,
        attach=("avalanche.training.plugins:ReplayPlugin(mem_size=20)",),
        **SMALL,
    )
    assert record.memory.buffer_bytes >= 20 * (64 + 8)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"strategy": "morf"}, "Did you mean 'morph'"),
        ({"scenario": "rotated-mnits"}, "Did you mean 'rotated-mnist'"),
        ({"preset": "five-angels"}, "Did you mean 'five-angles'"),
        ({"setting": "task"}, "has no 'task' setting"),
        ({"options": {"replay": {"mem_size": 5}}}, "takes no part"),
        ({"options": {"rotated-mnits": {"experiences": 5}}}, "Did you mean 'rotated-mnist'"),
        ({"options": {"naive": {"lr": -1}}}, r"naive\.lr=-1"),
        ({"options": {"naive": {"learning": 1}}}, "unknown option of naive"),
        ({"preset": "five-angles", "options": {"rotated-mnist": {"angles": [1.0]}}}, "contradicts"),
        ({"epochs": 0}, "epochs=0"),
        ({"epoch": 3}, "Did you mean 'epochs'"),
        ({"device": "gpu"}, "device='gpu'"),
        ({"device": "cuda:77"}, "not available"),
        ({"dataset": "no-such-file.npz"}, "no-such-file.npz"),
        ({"attach": ("nonsense",)}, "cannot read plugin"),
        ({"attach": ("avalanche.training.plugins:ReplayPlugin(size=1)",)}, "refuses"),
        ({"validation": 0.999}, "choose another fraction"),
        ({"plugin_files": ("nowhere.py",)}, "nowhere.py"),
    ],
)
def test_bad_requests_are_refused_in_one_line_before_anything_is_stored(blobs, tmp_path, settings, message):
    request = {"scenario": "rotated-mnist", "strategy": "naive", "dataset": blobs, **SMALL, **settings}
    with pytest.raises(morph_cl.UsageError, match=message) as refusal:
        morph_cl.run(**request, store=tmp_path / "runs")
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "runs").exists()


def test_a_study_is_refused_whole_where_one_strategy_is_wrong(blobs, tmp_path):
    with pytest.raises(morph_cl.UsageError, match="nave"):
        morph_cl.compare("rotated-mnist", ["naive", "nave"], dataset=blobs, store=tmp_path / "runs", **SMALL)
    assert not (tmp_path / "runs").exists()
    with pytest.raises(morph_cl.UsageError, match="more than once"):
        morph_cl.compare("rotated-mnist", ["naive", "naive"], dataset=blobs, store=tmp_path / "runs", **SMALL)


def test_a_run_that_breaks_says_so_in_the_store(blobs, tmp_path):
    class Breaking(EWCPlugin):
        def before_backward(self, strategy: Any, **kwargs: Any) -> None:
            raise ZeroDivisionError("broken on purpose")

    with pytest.raises(morph_cl.RunFailedError, match="broken on purpose"):
        morph_cl.run("single", "naive", dataset=blobs, store=tmp_path, avalanche_plugins=[Breaking(1.0)], **SMALL)
    (folder,) = Path(tmp_path).glob("single-*")
    status = json.loads((folder / "status.json").read_text())
    assert status["state"] == "failed"
    assert "broken on purpose" in status["reason"]


def test_build_stream_gives_an_avalanche_benchmark(blobs):
    stream = morph_cl.build_stream("rotated-mnist", dataset=blobs, options=OPTIONS, validation=0.25)
    assert [len(experience.dataset) for experience in stream.benchmark.train_stream] == [180] * 3
    assert [len(experience.dataset) for experience in stream.benchmark.valid_stream] == [60] * 3
