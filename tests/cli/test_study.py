"""``morph-cl study``: the list, what reaches the API, what is written, what is refused."""

import csv
import json
from pathlib import Path

import pytest

import morph_cl.studies
from morph_cl.study.result import DriftStudy
from morph_cl.study.settings import DriftStudyConfig


@pytest.fixture(autouse=True)
def working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def asked(monkeypatch):
    """An API that trains nothing and remembers what it was asked."""
    seen = {"failures": ()}

    def run(config, **more):
        seen.update(config=config, **more)
        return DriftStudy(config, (), (), failures=seen["failures"])

    monkeypatch.setattr(morph_cl.studies, "run_drift_study_config", run)
    return seen


def test_the_group_lists_the_studies(morph_cl_command):
    outcome = morph_cl_command("study")
    assert outcome.code == 0
    assert outcome.out.startswith("drift  ")
    assert "morph-cl study NAME" in outcome.out


def test_without_flags_it_is_the_whole_study(asked, morph_cl_command):
    outcome = morph_cl_command("study drift")
    assert (outcome.code, outcome.errors) == (0, [])
    assert asked["config"] == DriftStudyConfig()
    assert (asked["store"], asked["jobs"], asked["train"]) == (Path("runs/drift-study"), 1, True)
    assert "Study of drifts" in outcome.out


def test_flags_reach_the_api(asked, morph_cl_command):
    outcome = morph_cl_command(
        "study drift --presets abrupt,steady --strategies mlp,morph --seeds 0,3 --validation-seeds 20 --lrs 1e-3,0.01",
        "--samples 500 --validation-samples 400 --hidden 64,32 --batch-size 5 --dataset digits --window 50 --eps 0.1",
        "--windows 2 --reference 300 --threads 2 --jobs 3 --store kept --stored -o morph.novelty=0.2 --quiet",
    )
    assert (outcome.code, outcome.out) == (0, "")
    assert asked["config"] == DriftStudyConfig(
        presets=["abrupt", "steady"],
        strategies=["mlp", "morph"],
        seeds=[0, 3],
        validation_seeds=[20],
        lrs=[0.001, 0.01],
        samples=500,
        validation_samples=400,
        hidden=[64, 32],
        batch_size=5,
        dataset="digits",
        window=50,
        eps=0.1,
        windows=2,
        reference=300,
        threads=2,
        options={"morph": {"novelty": 0.2}},
    )
    assert (asked["store"], asked["jobs"], asked["train"]) == (Path("kept"), 3, False)


def test_a_run_that_broke_makes_the_exit_code_1_after_the_tables(asked, morph_cl_command):
    asked["failures"] = ("morph, steady, seed 0: a fault",)
    outcome = morph_cl_command("study drift")
    assert outcome.code == 1
    assert "Study of drifts" in outcome.out
    assert "morph, steady, seed 0: a fault" in outcome.errors[-1]


def test_ctrl_c_says_how_to_go_on(monkeypatch, morph_cl_command):
    def stopped(config, **more):
        raise KeyboardInterrupt

    monkeypatch.setattr(morph_cl.studies, "run_drift_study_config", stopped)
    outcome = morph_cl_command("study drift")
    assert outcome.code == 130
    assert outcome.errors == ["interrupted; the same command goes on with what is not yet in the store."]


TINY = (
    "study drift --dataset digits --samples 300 --presets recurring --strategies mlp,mlp-adwin --seeds 2 --lrs 0.01 "
    "--hidden 8 --store kept --window 10 --windows 1"
)


def test_a_tiny_study_from_end_to_end(morph_cl_command):
    outcome = morph_cl_command(TINY, "--json out.json --csv out.csv")
    assert outcome.code == 0, outcome.err
    assert "speed-up" in outcome.out
    assert "mlp + ADWIN" in outcome.out
    assert any(line.startswith("[4/4] mlp-adwin, recurring, seed 1, lr 0.01") for line in outcome.errors)
    content = json.loads(Path("out.json").read_text(encoding="utf-8"))
    assert content["schema"] == "morph-cl/study-drift/1"
    rows = list(csv.DictReader(Path("out.csv").read_text(encoding="utf-8").splitlines()))
    assert [(row["contestant"], row["preset"], row["lr"]) for row in rows] == [
        *[("mlp", "recurring", "0.01")] * 2,
        *[("mlp-adwin", "recurring", "0.01")] * 2,
    ]
    again = morph_cl_command(TINY)
    assert again.errors == ["4 runs to measure, 4 of them in the store"]
    assert again.out == outcome.out


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("--strategies mlp,nave", "the contestants are mlp"),
        ("--presets abrupd", "abrupt"),
        ("--lrs 0", "greater than 0"),
        ("--lrs fast", "lrs.0='fast'"),
        ("--seeds 0", "1..1000"),
        ("--validation-seeds 0,1", "seed 0 is measured"),
        ("--eps 2", "less than 1"),
        ("--jobs 0", "1..256"),
        ("-o naive.lr=1", "give --lrs"),
        ("-o nobody.x=1", "unknown record with options 'nobody'"),
        ("--strategies mlp -o der.alpha=1", "der.alpha is for nothing in this study"),
        ("-o novelty", "NAME.OPTION=VALUE"),
        ("--json nowhere/out.json", "create it first"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(morph_cl_command, flags, said):
    outcome = morph_cl_command("study drift --dataset digits", flags)
    assert (outcome.code, outcome.out) == (2, "")
    assert len(outcome.errors) == 1
    assert said in outcome.errors[0]
    assert not Path("runs").exists()
