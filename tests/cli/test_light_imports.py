"""What answers at once never imports torch or Avalanche: each command in a process of its own."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from morph_cl.config import RunConfig
from morph_cl.metrics.drift.figures import drift_figures
from morph_cl.results.prequential import DriftPoint, Trace
from morph_cl.results.record import RunRecord
from morph_cl.results.store import RunStore

PROBE = """
import json, sys
from morph_cl.cli.main import main
code = main(sys.argv[1:])
heavy = [name for name in ("torch", "torchvision", "avalanche", "sklearn") if name in sys.modules]
print(json.dumps([code, heavy]), file=sys.stderr)
"""


def probe(folder: Path, command: str) -> tuple[int, list[str], str]:
    """The exit code, the heavy modules that were imported, and standard output."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *command.split()],
        cwd=folder, capture_output=True, text=True, check=False, timeout=60, encoding="utf-8",
        env={**os.environ, "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    code, heavy = json.loads(done.stderr.splitlines()[-1])
    return code, heavy, done.stdout


@pytest.fixture
def folder(tmp_path: Path, make_record: Callable[..., RunRecord]) -> Path:
    for strategy in ("naive", "morph"):
        stored = RunStore(tmp_path / "runs").create(RunConfig(scenario="rotated-mnist", strategy=strategy))
        stored.write_record(make_record(strategy))
        stored.write_status("finished")
    return tmp_path


@pytest.fixture
def drifting(tmp_path: Path, make_record: Callable[..., RunRecord]) -> Path:
    """A store of two runs over drifting streams."""
    for strategy in ("naive", "morph"):
        correct = [9] * 40 + [3] * 20 + [9] * 40
        trace = Trace(batch_sizes=[10] * 100, correct=correct, alarms=[419], drifts=[DriftPoint(start=400, end=400)])
        made = make_record(strategy, scenario="drifting-mnist")
        stored = RunStore(tmp_path / "runs").create(RunConfig(scenario="drifting-mnist", strategy=strategy))
        metrics = made.metrics | drift_figures(trace)
        stored.write_record(made.model_copy(update={"trace": trace, "metrics": metrics}))
        stored.write_status("finished")
    return tmp_path


@pytest.mark.parametrize("command", ["show run latest", "compare drifting-mnist-naive drifting-mnist-morph"])
def test_a_stored_drifting_run_is_shown_without_torch(drifting: Path, command: str) -> None:
    code, heavy, out = probe(drifting, command)
    assert (code, heavy) == (0, [])
    for said in ("each predicted before it was learned", "▲1", "prequential", "recovery", "missed"):
        assert said in out
    assert ("1 abrupt" in out) == command.startswith("show")


def test_the_measures_of_stored_drifting_runs_go_to_csv_and_json(drifting: Path) -> None:
    code, _, _ = probe(drifting, "compare drifting-mnist-naive drifting-mnist-morph --csv out.csv --json out.json")
    assert code == 0
    rows = list(csv.DictReader((drifting / "out.csv").read_text(encoding="utf-8").splitlines()))
    records = json.loads((drifting / "out.json").read_text(encoding="utf-8"))
    for row, record in zip(rows, records, strict=True):
        assert (row["drifts"], row["alarms"], row["detection_delay"]) == ("1", "1", "20.0")
        assert float(row["area_lost"]) == record["metrics"]["area_lost"] == pytest.approx(120)
        assert record["trace"]["drifts"][0]["start"] == 400


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("--help", "Usage: "),
        ("--version", "morph-cl "),
        ("run --help", "--strategy"),
        ("ablate --help", "--only"),
        ("list", "rotated-mnist"),
        ("list strategies", "naive"),
        ("show strategy morph", "options"),
        ("show strategy morph", "small"),
        ("show scenario rotated-mnist", "five-angles"),
        ("runs", "finished"),
        ("show run latest", "c0ffeec0ffee"),
        ("compare rotated-mnist-naive rotated-mnist-morph", "c0ffeec0ffee"),
        ("compare rotated-mnist-naive rotated-mnist-morph --plot", "Average accuracy against parameters"),
        ("inspect --help", "--mistakes"),
        ("data list", "mnist-5k"),
        ("plugins list", "baselines"),
        ("plugins doctor", "baselines"),
        ("study", "drift"),
        ("study drift --help", "--validation-seeds"),
        ("study drift --dataset digits --stored", "not there"),
    ],
)
def test_it_answers_without_torch(folder: Path, command: str, said: str) -> None:
    code, heavy, out = probe(folder, command)
    assert (code, heavy) == (0, [])
    assert said in out


@pytest.mark.parametrize(
    "command",
    [
        "run rotated-mnist --strategy navie",
        "run rotated-mnist --preset der-20 --experiences 3",
        "resume latest",
        "explain rotated-mnist-naive",
        "explain rotated-mnist-morph --image 0 --class 1",
        "explain rotated-mnist-morph --image 0",
        "inspect rotated-mnist-morph",
        "inspect rotated-mnist-morph --mistakes -1",
        "run rotated-mnist --profile smal",
        "compare rotated-mnist --strategies naive,ewc --profile small",
        "ablate rotated-mnist --only gaet",
        "ablate rotated-mnist --strategy naive",
        "study drift --dataset digits --presets abrupd",
        "study drift --dataset digits --lrs 0",
        "study drift --dataset digits -o morph.noveltee=1",
    ],
)
def test_bad_usage_is_refused_without_torch(folder: Path, command: str) -> None:
    code, heavy, out = probe(folder, command)
    assert (code, heavy, out) == (2, [], "")
