"""What ``show run`` and ``compare`` write of drifting runs, and whose recovery is the baseline."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import morph_cl.api
from morph_cl.config import RunConfig, StudyConfig
from morph_cl.metrics.drift.figures import drift_figures
from morph_cl.results.prequential import DriftPoint, Trace
from morph_cl.results.record import RunRecord
from morph_cl.results.store import RunStore

PNG = b"\x89PNG"


@pytest.fixture(autouse=True)
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture
def drifting(make_record: Callable[..., RunRecord]) -> Callable[..., RunRecord]:
    """Builds a run over a stream with one drift; morph is the first back."""

    def build(strategy: str, seed: int = 0) -> RunRecord:
        poor = 10 if strategy == "morph" else 30
        trace = Trace(
            batch_sizes=[10] * 100,
            correct=[9] * 40 + [3] * poor + [9] * (60 - poor),
            alarms=[419],
            drifts=[DriftPoint(start=400, end=400)],
        )
        made = make_record(strategy, seed, f"{strategy}-{seed}", "drifting-mnist")
        return made.model_copy(update={"trace": trace, "metrics": made.metrics | drift_figures(trace)})

    return build


@pytest.fixture
def stored(tmp_path: Path, drifting: Callable[..., RunRecord], make_record: Callable[..., RunRecord]) -> None:
    """A store of two drifting runs and one of experiences."""
    for record in (drifting("naive"), drifting("morph"), make_record("ewc")):
        folder = RunStore(tmp_path / "runs").create(RunConfig(scenario=record.scenario, strategy=record.strategy))
        folder.write_record(record)
        folder.write_status("finished")


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, drifting: Callable[..., RunRecord]) -> list[StudyConfig]:
    """An API that trains nothing and remembers the studies that it was asked for."""
    asked: list[StudyConfig] = []

    def run_study(study: StudyConfig, *, store: Any, listener: Any) -> list[RunRecord]:
        asked.append(study)
        return [drifting(run.strategy, run.seed) for run in study.runs()]

    monkeypatch.setattr(morph_cl.api, "run_study", run_study)
    return asked


def test_show_run_writes_picture_and_trace(stored: None, morph_cl_command: Any) -> None:
    outcome = morph_cl_command("show run drifting-mnist-naive --png run.png --csv run.csv")
    assert (outcome.code, outcome.errors) == (0, [])
    assert Path("run.png").read_bytes().startswith(PNG)
    rows = list(csv.DictReader(Path("run.csv").read_text(encoding="utf-8").splitlines()))
    assert [(row["samples"], row["alarm"]) for row in rows if row["alarm"]] == [("420", "right")]
    assert "1 abrupt" in outcome.out


def test_a_run_of_experiences_has_its_matrix_as_csv_and_no_picture(stored: None, morph_cl_command: Any) -> None:
    assert morph_cl_command("show run rotated-mnist-ewc --csv run.csv").code == 0
    assert Path("run.csv").read_text(encoding="utf-8").startswith("run_id,strategy,seed,after,")
    outcome = morph_cl_command("show run rotated-mnist-ewc --png run.png")
    assert (outcome.code, outcome.out, len(outcome.errors)) == (2, "", 1)
    assert "not over a drifting stream" in outcome.errors[0]
    assert not Path("run.png").exists()


def test_compare_of_stored_runs_takes_a_baseline_and_draws_curves(stored: None, morph_cl_command: Any) -> None:
    runs = "compare drifting-mnist-naive drifting-mnist-morph"
    outcome = morph_cl_command(runs, "--png all.png --json all.json --csv all.csv")
    assert (outcome.code, outcome.errors) == (0, [])
    assert "Adaptation speed-up over naive" in outcome.out
    assert Path("all.png").read_bytes().startswith(PNG)
    naive, morph = json.loads(Path("all.json").read_text(encoding="utf-8"))
    assert "speed_ups" not in naive
    (entry,) = morph["speed_ups"]
    assert (entry["baseline"], entry["kind"], entry["bound"]) == ("naive", "abrupt", "exact")
    assert entry["ratio"] > 1
    rows = list(csv.DictReader(Path("all.csv").read_text(encoding="utf-8").splitlines()))
    assert (rows[0]["speed_up_abrupt"], float(rows[1]["speed_up_abrupt"])) == ("", entry["ratio"])
    again = morph_cl_command("compare all.json --baseline morph")
    assert again.code == 0, "a file with speed-ups is read as any other"
    assert "Adaptation speed-up over morph" in again.out


def test_compare_of_strategies_takes_a_baseline_from_flag_or_file(
    api: list[StudyConfig], morph_cl_command: Any
) -> None:
    outcome = morph_cl_command("compare drifting-mnist --strategies naive,replay,morph --seeds 2 --baseline replay")
    assert outcome.code == 0
    assert "Adaptation speed-up over replay" in outcome.out
    Path("study.toml").write_text(
        'scenario = "drifting-mnist"\nstrategies = ["naive", "morph"]\nbaseline = "morph"', encoding="utf-8"
    )
    outcome = morph_cl_command("compare --config study.toml")
    assert "Adaptation speed-up over morph" in outcome.out
    assert len(api) == 2


BAD = {
    "compare drifting-mnist --strategies naive,morph --baseline ewc": "--baseline is 'ewc', which is not among the "
    "strategies; give one of naive, morph.",
    "compare rotated-mnist --strategies naive,morph --baseline naive": "is for drifting streams, and rotated-mnist is",
    "compare drifting-mnist-naive drifting-mnist-morph --baseline ewc --json o.json": "give one of 'naive', 'morph'",
    "compare rotated-mnist-ewc --baseline ewc --csv out.csv": "none of the runs is over a drifting stream",
    "show strategy naive --png out.png": "--png is for runs, as in `morph-cl show run latest --png FILE`",
    "show metric forgetting --csv out.csv": "--csv is for runs",
    "show run latest --png none/out.png": "no folder",
    "show run latest --png out --csv out": "two outputs",
}


@pytest.mark.parametrize("arguments", BAD, ids=str)
def test_bad_usage_is_one_line_and_nothing_is_trained_or_written(
    arguments: str, stored: None, api: list[StudyConfig], tmp_path: Path, morph_cl_command: Any
) -> None:
    outcome = morph_cl_command(arguments)
    assert (outcome.code, outcome.out, len(outcome.errors)) == (2, "", 1)
    assert BAD[arguments] in outcome.errors[0]
    assert api == []
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_drift_metrics_are_listed_and_shown(morph_cl_command: Any) -> None:
    listed = morph_cl_command("list metrics")
    assert "detection-delay" in listed.out
    shown = morph_cl_command("show metric detection-delay")
    assert shown.code == 0
    for said in ("samples of a drift seen at its first alarm", "lower", "samples", "trace"):
        assert said in shown.out


PLUGIN = """
from morph_cl import MetricSpec, hookimpl


def best_batch(trace):
    return max(right / size for right, size in zip(trace.correct, trace.batch_sizes, strict=True))


@hookimpl
def register_metrics():
    yield MetricSpec(name="best-batch", build=best_batch, summary="accuracy on the best batch", reads="trace")
"""


def test_a_third_partys_drift_metric_is_listed_computed_and_written(morph_cl_command: Any) -> None:
    Path("theirs.py").write_text(PLUGIN, encoding="utf-8")
    plugin = "--plugin theirs.py"
    assert "best-batch" in morph_cl_command("list metrics", plugin).out
    assert "trace" in morph_cl_command("show metric best-batch", plugin).out
    run = "--dataset digits --strategy naive --no-store --quiet --json out.json --threads 1"
    stream = "-o drifting-mnist.samples=200 -o drifting-mnist.patterns=abrupt"
    assert morph_cl_command("run drifting-mnist", stream, run, plugin).code == 0
    record = json.loads(Path("out.json").read_text(encoding="utf-8"))
    assert record["metrics"]["best_batch"] == max(record["trace"]["correct"]) / 10
    assert morph_cl_command("run single --epochs 1", run, plugin).code == 0
    record = json.loads(Path("out.json").read_text(encoding="utf-8"))
    assert "best_batch" not in record["metrics"]
    assert "detection_delay" not in record["metrics"]
