from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morph_cl.cli.request import (
    RUN_KEYS,
    STUDY_KEYS,
    gather,
    parse_seeds,
    parse_strategies,
    run_config,
    study_config,
)
from morph_cl.config import RunConfig
from morph_cl.errors import UnknownNameError, UsageError

FILE = """
scenario = "rotated-mnist"
strategy = "replay"
epochs = 3
seed = 4
plugin_files = ["a.py"]
attach = ["pkg:A"]

[options.replay]
mem_size = 500
lr = 0.5

[options.rotated-mnist]
experiences = 7
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "study.toml"
    path.write_text(FILE, encoding="utf-8")
    return path


def build(flags: dict[str, object], config: Path | None = None, *assignments: str) -> RunConfig:
    return run_config(gather(flags, config=config, known=RUN_KEYS, assignments=assignments))


def test_without_flags_and_file_the_defaults_of_the_configuration_hold() -> None:
    assert build({"scenario": "single", "epochs": None, "download": None, "attach": None}) == RunConfig(
        scenario="single"
    )


def test_the_file_beats_defaults_and_flags_beat_the_file(file: Path) -> None:
    config = build({"epochs": 1, "strategy": None}, file, "replay.mem_size=200")
    assert (config.scenario, config.strategy, config.epochs, config.seed) == ("rotated-mnist", "replay", 1, 4)
    assert config.options == {"replay": {"mem_size": 200, "lr": 0.5}, "rotated-mnist": {"experiences": 7}}


def test_plugin_files_are_joined_and_attachments_replaced(file: Path) -> None:
    config = build({"plugin_files": ["b.py", "a.py"], "attach": ["pkg:B"]}, file)
    assert config.plugin_files == ("a.py", "b.py")
    assert config.attach == ("pkg:B",)


def test_experiences_is_short_for_the_scenarios_option(file: Path) -> None:
    assert build({"experiences": 5}, file).options["rotated-mnist"] == {"experiences": 5}


def test_experiences_given_in_both_ways_is_refused() -> None:
    with pytest.raises(UsageError, match="same option"):
        build({"scenario": "single", "experiences": 5}, None, "single.experiences=6")


def test_no_scenario_at_all_is_refused() -> None:
    with pytest.raises(UsageError, match="no scenario"):
        build({"scenario": None})


def test_an_unknown_key_of_the_file_gets_a_suggestion(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text("batchsize = 3", encoding="utf-8")
    with pytest.raises(UnknownNameError, match="'batch_size'"):
        build({"scenario": "single"}, path)


def test_a_file_of_compare_knows_strategies_and_not_strategy(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text('scenario = "single"\nstrategy = "naive"', encoding="utf-8")
    with pytest.raises(UnknownNameError, match="'strategies'"):
        gather({}, config=path, known=STUDY_KEYS)


@pytest.mark.parametrize("text", ["scenario = ", "\xff\xfe"])
def test_a_file_that_is_no_toml_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.toml"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(UsageError, match="not valid TOML"):
        build({"scenario": "single"}, path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read --config"):
        build({"scenario": "single"}, tmp_path / "none.toml")


def test_options_of_a_file_must_be_tables(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text("[options]\nmem_size = 3", encoding="utf-8")
    with pytest.raises(UsageError, match="tables by name"):
        build({"scenario": "single"}, path)


def test_a_bad_value_is_called_as_the_user_gave_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^--batch-size is 0: "):
        build({"scenario": "single", "batch_size": 0})
    path = tmp_path / "x.toml"
    path.write_text('setting = "clas"', encoding="utf-8")
    with pytest.raises(UsageError, match=r"^setting in .*x\.toml is 'clas': "):
        build({"scenario": "single"}, path)


@given(st.integers(1, 1000))
def test_a_number_of_seeds_counts_from_zero(count: int) -> None:
    assert parse_seeds(str(count)) == parse_seeds(count) == tuple(range(count))


@given(st.lists(st.integers(0, 2**31 - 1), unique=True, min_size=1))
def test_a_list_of_seeds_is_taken_as_it_is(seeds: list[int]) -> None:
    assert parse_seeds(seeds) == tuple(seeds)
    assert parse_seeds(",".join(map(str, seeds)) + ",") == tuple(seeds)


@pytest.mark.parametrize("value", ["0", "-1", "x", "", ",", "1,x", "3,3", "1,-2", str(2**31) + ",1", 1.5, [1.5], True])
def test_no_seeds_or_bad_ones_are_refused(value: object) -> None:
    with pytest.raises(UsageError, match="seed"):
        parse_seeds(value)


@pytest.mark.parametrize(
    ("value", "message"), [("a,b,a", "twice"), (" , ", "empty"), (None, "--strategies"), ([1], "--str")]
)
def test_no_strategies_or_one_twice_is_refused(value: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_strategies(value)


def test_a_study_takes_strategies_and_seeds_from_flags_before_the_file(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text('scenario = "single"\nstrategies = ["a", "b"]\nseeds = 2\nepochs = 2', encoding="utf-8")
    study = study_config(gather({"seeds": "5,7"}, config=path, known=STUDY_KEYS))
    assert study.strategies == ("a", "b")
    assert study.seeds == (5, 7)
    assert study.base.epochs == 2
    assert [(run.strategy, run.seed) for run in study.runs()] == [("a", 5), ("b", 5), ("a", 7), ("b", 7)]


@pytest.mark.parametrize(("text", "patterns"), [("abrupt", "abrupt"), ("abrupt,swap", ["abrupt", "swap"])])
def test_pattern_is_short_for_an_option_of_the_scenario(text: str, patterns: object) -> None:
    config = build({"scenario": "drifting-mnist", "pattern": text}, None, "drifting-mnist.width=5")
    assert config.options == {"drifting-mnist": {"patterns": patterns, "width": 5}}
