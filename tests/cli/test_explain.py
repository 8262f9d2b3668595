"""``morph-cl explain`` on a small run: what it prints, what it writes, what it refuses."""

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
    morph_cl.run("rotated-mnist", "naive", **settings)
    morph_cl.run("rotated-mnist", "morph", **settings)
    return store


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")


@pytest.mark.parametrize(
    ("question", "kind", "said"),
    [
        ("--image 5 --experience 1", "image", "Image 5 of experience 1"),
        ("--image 5", "image", "Image 5 of experience 2"),
        ("--class 3", "class", "Class 3: "),
        ("", "overview", "Strongest relations"),
    ],
)
def test_it_explains_and_writes(runs_dir: Path, morph_cl_command: Any, question: str, kind: str, said: str) -> None:
    outcome = morph_cl_command("explain latest", question, "--json out.json --graph g.graphml --runs-dir", runs_dir)
    assert (outcome.code, outcome.errors) == (0, [])
    assert said in outcome.out
    assert json.loads(Path("out.json").read_text(encoding="utf-8"))["kind"] == kind
    assert "<graphml" in Path("g.graphml").read_text(encoding="utf-8")
    quiet = morph_cl_command("explain latest --quiet", question, "--runs-dir", runs_dir)
    assert (quiet.code, quiet.out) == (0, "")


BAD = {
    "rotated-mnist-naive": "only runs of 'morph' can be explained",
    "latest --image 0 --experience 0": "--experience 0 is not in 1..2",
    "latest --image 0 --experience 3": "--experience 3 is not in 1..2",
    "latest --image 999": "image 999 is not in 0..",
    "latest --class 12": "the classes are 0, 1, 2",
    "latest --class 1 --image 1": "give one of them",
    "latest --experience 1": "without an image",
    "latest --graph g.svg": ".graphml or a .json",
    "latest --json out.json --graph out.json": "two outputs",
    "latest --json none/out.json": "no folder",
    "other": "unknown run 'other'",
}


@pytest.mark.parametrize("arguments", BAD, ids=str)
def test_bad_usage_is_one_line_and_writes_nothing(
    runs_dir: Path, tmp_path: Path, morph_cl_command: Any, arguments: str
) -> None:
    outcome = morph_cl_command("explain", arguments, "--runs-dir", runs_dir)
    assert (outcome.code, len(outcome.errors), outcome.out) == (2, 1, "")
    assert BAD[arguments] in outcome.errors[0]
    assert list(tmp_path.iterdir()) == []
