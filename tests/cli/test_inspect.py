"""``morph-cl inspect`` and the plot of ``compare``, end to end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import morph_cl


@pytest.fixture(scope="module")
def runs_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("runs")
    options = {"rotated-mnist": {"experiences": 2}}
    settings: dict[str, Any] = {"dataset": "digits", "epochs": 1, "threads": 1, "store": store, "options": options}
    morph_cl.run("rotated-mnist", "replay", keep_model=False, **settings)
    morph_cl.run("rotated-mnist", "naive", **settings)
    morph_cl.run("rotated-mnist", "morph", **settings)
    return store


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")


@pytest.mark.parametrize(
    ("run", "said"), [("rotated-mnist-morph", "Expert usage by label"), ("rotated-mnist-naive", "tells of no experts")]
)
def test_it_looks_and_writes(runs_dir: Path, morph_cl_command: Any, run: str, said: str) -> None:
    outcome = morph_cl_command(
        "inspect", run, "--mistakes 3 --json out.json --csv out.csv --png pictures --runs-dir", runs_dir
    )
    assert (outcome.code, outcome.errors) == (0, [])
    assert said in outcome.out
    written = json.loads(Path("out.json").read_text(encoding="utf-8"))
    assert written["schema"] == "morph-cl/inspection/1"
    assert len(written["mistakes"]) == 3
    assert Path("out.csv").read_text(encoding="utf-8").startswith("sample,experience,expert,weight,label,predicted,")
    assert {"confusion.png", "mistakes.png", "risk-coverage.png"} <= {path.name for path in Path("pictures").iterdir()}
    quiet = morph_cl_command("inspect", run, "--quiet --runs-dir", runs_dir)
    assert (quiet.code, quiet.out) == (0, "")


BAD = {
    "rotated-mnist-replay": "kept no model",
    "latest --mistakes -1": "--mistakes",
    "latest --csv out.csv --json out.csv": "two outputs",
    "latest --json none/out.json": "no folder",
    "other": "unknown run 'other'",
}


@pytest.mark.parametrize("arguments", BAD, ids=str)
def test_bad_usage_is_one_line_and_writes_nothing(
    runs_dir: Path, tmp_path: Path, morph_cl_command: Any, arguments: str
) -> None:
    outcome = morph_cl_command("inspect", arguments, "--runs-dir", runs_dir)
    assert (outcome.code, len(outcome.errors), outcome.out) == (2, 1, "")
    assert BAD[arguments] in outcome.errors[0]
    assert list(tmp_path.iterdir()) == []


def test_pictures_without_matplotlib_are_refused(runs_dir, morph_cl_command, monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for command in ("inspect latest --png pictures", "compare latest --png costs.png"):
        outcome = morph_cl_command(command, "--runs-dir", runs_dir)
        assert outcome.code == 2
        assert "need matplotlib" in outcome.errors[-1]
    assert list(tmp_path.iterdir()) == []


def test_compare_plots_accuracy_against_costs(runs_dir: Path, morph_cl_command: Any) -> None:
    runs = "compare rotated-mnist-naive rotated-mnist-morph"
    outcome = morph_cl_command(runs, "--plot --png costs.png --runs-dir", runs_dir)
    assert (outcome.code, outcome.errors) == (0, [])
    assert "Average accuracy against parameters" in outcome.out
    assert Path("costs.png").read_bytes().startswith(b"\x89PNG")
    assert "against parameters" not in morph_cl_command(runs, "--runs-dir", runs_dir).out
