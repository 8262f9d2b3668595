"""Options and configurations: what is read, what is refused, and what the refusal says."""

from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, ValidationError

from morph_cl.config import AblationConfig, RunConfig, StudyConfig
from morph_cl.errors import UnknownNameError, UsageError
from morph_cl.options import NoOptions, Options, merge_options, parse_assignments, parse_value, validate_options
from morph_cl.training_options import TrainingOptions


class Sample(Options):
    mem_size: Annotated[int, Field(ge=1, le=100)] = 5
    rate: Annotated[float, Field(ge=0)] = 0.5


class Needy(Options):
    path: str


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("0.5", 0.5),
        ("true", True),
        ("null", None),
        ("[1, 2]", [1, 2]),
        ("100,100", [100, 100]),
        ("a, b", ["a", "b"]),
        ("adam", "adam"),
        ("", ""),
        ("plugin:name", "plugin:name"),
    ],
)
def test_parse_value(text, value):
    assert parse_value(text) == value


@given(st.text())
def test_any_text_is_some_value(text):
    parse_value(text)


@pytest.mark.parametrize("text", ["9" * 10_000, "[" * 100_000, "1," * 3 + "9" * 10_000])
def test_hostile_texts_are_values_too(text):
    parse_value(text)


def test_assignments_are_grouped_by_record():
    assert parse_assignments(["replay.mem_size=500", "ewc.lambda=0.4", "replay.hidden=1,2", "ant:x.a=b=c"]) == {
        "replay": {"mem_size": 500, "hidden": [1, 2]},
        "ewc": {"lambda": 0.4},
        "ant:x": {"a": "b=c"},
    }


@pytest.mark.parametrize("text", ["mem_size=5", "replay.mem_size", "replay.=5", ".mem_size=5", "=", "", "a=b.c"])
def test_malformed_assignment(text):
    with pytest.raises(UsageError, match=r"NAME\.OPTION=VALUE"):
        parse_assignments([text])


def test_assignment_given_twice():
    with pytest.raises(UsageError, match=r"replay\.mem_size is given twice"):
        parse_assignments(["replay.mem_size=5", "replay.mem_size=5"])


def test_unknown_option_gets_did_you_mean():
    with pytest.raises(UnknownNameError, match="Did you mean 'mem_size'"):
        validate_options(Sample, {"memsize": 5}, "replay")
    with pytest.raises(UnknownNameError, match="option of single"):
        validate_options(NoOptions, {"x": 5}, "single")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"mem_size": 0}, "replay.mem_size=0"),
        ({"mem_size": "many"}, "replay.mem_size='many'"),
        ({"rate": float("nan")}, "finite"),
        ({"rate": float("inf")}, "finite"),
        ({"rate": -1}, "greater than or equal to 0"),
    ],
)
def test_bad_value_is_refused_in_one_line(values, said):
    with pytest.raises(UsageError) as caught:
        validate_options(Sample, values, "replay")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_option_without_default_is_asked_for():
    with pytest.raises(UsageError, match=r"reader\.path has no default; give it, such as -o reader\.path=VALUE"):
        validate_options(Needy, {}, "reader")


def test_options_are_frozen():
    with pytest.raises(ValidationError):
        validate_options(Sample, {}, "replay").mem_size = 7


@pytest.mark.parametrize("values", [{"hidden": []}, {"hidden": [0]}, {"lr": 0}, {"network": "rnn"}])
def test_training_options_refuse(values):
    with pytest.raises(UsageError):
        validate_options(TrainingOptions, values, "naive")


@pytest.mark.parametrize(
    "values",
    [
        {"seed": -1},
        {"seed": 2**31},
        {"epochs": 0},
        {"batch_size": 0},
        {"validation": 1.0},
        {"validation": float("nan")},
        {"device": "tpu"},
        {"setting": "domains"},
        {"threads": 0},
        {"epoch": 3},
    ],
)
def test_run_config_refuses(values):
    with pytest.raises(ValidationError):
        RunConfig(scenario="single", **values)


def test_every_config_field_is_described():
    for model in (RunConfig, StudyConfig, AblationConfig):
        assert [name for name, field in model.model_fields.items() if not field.description] == []


@pytest.mark.parametrize(
    "values",
    [
        {"seeds": ()},
        {"seeds": (-1,)},
        {"seeds": (1, 1)},
        {"strategies": ()},
        {"strategies": ("naive", "naive")},
    ],
)
def test_study_config_refuses(values):
    with pytest.raises(ValidationError):
        StudyConfig(**{"base": RunConfig(scenario="single"), "strategies": ("naive",), "seeds": (0,), **values})


def test_study_runs_seed_by_seed():
    base = RunConfig(scenario="single", epochs=3)
    study = StudyConfig(base=base, strategies=("a", "b"), seeds=(4, 5))
    assert [(run.seed, run.strategy, run.epochs) for run in study.runs()] == [
        (4, "a", 3),
        (4, "b", 3),
        (5, "a", 3),
        (5, "b", 3),
    ]


def test_config_survives_json():
    config = RunConfig(scenario="single", options={"replay": {"hidden": [1, 2]}}, plugin_files=("a.py",))
    assert RunConfig.model_validate_json(config.model_dump_json()) == config


def test_params_may_be_any_pydantic_model():
    class Plain(BaseModel):
        x: int = 1

    assert validate_options(Plain, {"x": "3"}, "mine").x == 3


BY_RECORD = st.dictionaries(st.text(max_size=2), st.dictionaries(st.text(max_size=2), st.integers()))


@given(BY_RECORD, BY_RECORD)
def test_merged_options_are_those_of_both_and_the_second_wins(base, over):
    merged = merge_options(base, over)
    assert set(merged) == set(base) | set(over)
    for name, options in merged.items():
        assert options.keys() == base.get(name, {}).keys() | over.get(name, {}).keys()
        assert all(options[key] == value for key, value in over.get(name, {}).items())
        assert all(options[key] == value for key, value in base.get(name, {}).items() if key not in over.get(name, {}))


@pytest.mark.parametrize("values", [{"seeds": ()}, {"seeds": (1, 1)}, {"only": ("gate", "gate")}])
def test_ablation_config_refuses(values):
    with pytest.raises(ValidationError):
        AblationConfig(**{"base": RunConfig(scenario="single"), "seeds": (0,), **values})
