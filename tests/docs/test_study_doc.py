"""docs/study.md names every contestant, preset and flag, and its commands are ones that the study takes."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from morph_cl.cli.study import study_app
from morph_cl.study.contestants import CONTESTANTS
from morph_cl.study.lines import FALSE_GROWTHS, GROWTH_SAMPLES, NOVEL_SPEED_UP, RECURRING_SPEED_UP
from morph_cl.study.protocol import measured_entries, validation_entries
from morph_cl.study.settings import DriftStudyConfig

TEXT = (Path(__file__).parents[2] / "docs" / "study.md").read_text(encoding="utf-8")
DRIFT = get_command(study_app).commands["drift"]
FLAGS = {flag for parameter in DRIFT.params for flag in parameter.opts}
ELSEWHERE = {"--detector", "--watch", "--on-drift", "--runs-dir"}
"""Flags of other commands that the page mentions."""


def test_the_page_names_every_contestant_and_preset():
    config = DriftStudyConfig()
    for name in (*CONTESTANTS, *config.presets):
        assert f"`{name}`" in TEXT, name


def test_every_flag_exists_and_those_of_the_protocol_are_named():
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", TEXT))
    assert named <= FLAGS | ELSEWHERE
    assert {f"--{name.replace('_', '-')}" for name in DriftStudyConfig.model_fields} & FLAGS - named == {
        "--data-root",
        "--download",
    }


@pytest.mark.parametrize("command", re.findall(r"^morph-cl study drift (.*?)(?: +#.*)?$", TEXT, re.MULTILINE))
def test_its_commands_are_taken(command):
    DRIFT.make_context("drift", command.split())


def test_its_numbers_are_those_of_the_protocol():
    config = DriftStudyConfig()
    tuned = {contestant.name: 1e-3 for contestant in config.contestants if contestant.tuned}
    assert f"{len(validation_entries(config))} runs to\nchoose rates" in TEXT
    assert f"{len(measured_entries(config, tuned))} to measure" in TEXT
    assert f"at least {RECURRING_SPEED_UP:g} times faster" in TEXT
    assert f"at least {NOVEL_SPEED_UP:g} times faster" in TEXT
    assert f"at most {FALSE_GROWTHS:g} false growth in {GROWTH_SAMPLES:,} samples" in TEXT


def test_its_code_compiles_and_names_what_there_is():
    import morph_cl

    (block,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    compile(block, "study.md", "exec")
    assert all(hasattr(morph_cl, name) for name in re.findall(r"morph_cl\.(\w+)", block))
