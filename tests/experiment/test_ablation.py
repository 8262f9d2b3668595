"""Studies of ablations through the Python API, with a strategy of the user's own whose mechanisms are plain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

import morph_cl
from morph_cl.experiment.listener import RunListener

SMALL: dict[str, Any] = {"epochs": 2, "batch_size": 16, "threads": 1}

PLUGIN = """
from morph_cl import StrategySpec, TrainingOptions, hookimpl

class KnobsOptions(TrainingOptions):
    learn: bool = True
    idle: bool = False

def build(context, options):
    from avalanche.training.templates import SupervisedTemplate
    from morph_cl import TensorStrategy, build_classifier, build_optimizer
    Knobs = type("Knobs", (TensorStrategy, SupervisedTemplate), {})
    model = build_classifier(context, options)
    rated = options if options.learn else options.model_copy(update={"lr": 1e-9})
    return Knobs(model=model, optimizer=build_optimizer(model, rated), **context.loop())

@hookimpl
def register_strategies():
    yield StrategySpec(
        name="knobs", build=build, summary="a learner with knobs", params=KnobsOptions,
        profiles={"small": {"knobs": {"hidden": [4], "lr": 0.2}}},
        ablations={
            "learn": ({"learn": False}, "it learns nothing"),
            "width": ({"hidden": [1]}, "a network of one unit"),
            "idle": ({"idle": False}, "nothing"),
        },
    )
"""


class Witness(RunListener):
    def __init__(self) -> None:
        self.names: list[str] = []
        self.warnings: list[str] = []

    def planned(self, names: Sequence[str]) -> None:
        self.names = list(names)

    def warned(self, message: str) -> None:
        self.warnings.append(message)


@pytest.fixture
def study(blobs, tmp_path):
    """Starts a study of the user's strategy on two turned views of the blobs."""
    plugin = tmp_path / "knobs.py"
    plugin.write_text(PLUGIN, encoding="utf-8")

    def ablate(**settings: Any) -> dict[str, list[morph_cl.RunRecord]]:
        options = {"rotated-mnist": {"experiences": 2}, **settings.pop("options", {})}
        request = {"dataset": blobs, "store": None, "plugin_files": (str(plugin),), **SMALL, **settings}
        return morph_cl.ablate("rotated-mnist", "knobs", options=options, **request)

    return ablate


def test_each_mechanism_is_switched_off_on_the_same_streams(study, tmp_path):
    witness = Witness()
    records = study(
        seeds=2, listener=witness, profile="small", options={"knobs": {"idle": True}}, store=tmp_path / "runs"
    )
    assert list(records) == ["defaults", "learn", "width", "idle"]
    assert all([run.seed for run in runs] == [0, 1] for runs in records.values())
    assert witness.names == ["knobs", "knobs without learn", "knobs without width", "knobs without idle"] * 2
    assert witness.warnings == []
    whole, blind = records["defaults"][0], records["learn"][0]
    assert whole.scenario_info == blind.scenario_info
    changed = {k: v for k, v in blind.strategy_info.options.items() if whole.strategy_info.options[k] != v}
    assert changed == {"learn": False}
    assert whole.strategy_info.options["hidden"] == [4], "the profile is part of the defaults"
    assert records["width"][0].strategy_info.options["hidden"] == [1], "a switch wins over the profile"
    assert whole.metrics["average_accuracy"] > blind.metrics["average_accuracy"] + 0.2
    assert len(morph_cl.load_runs(tmp_path / "runs")) == 8


def test_what_is_off_already_is_left_out_with_a_warning(study):
    witness = Witness()
    assert list(study(listener=witness, options={"knobs": {"learn": False}})) == ["defaults", "width"]
    assert [message.split()[0] for message in witness.warnings] == ["learn", "idle"]


def test_only_takes_what_it_names_in_that_order(study):
    assert list(study(only=["width", "learn"])) == ["defaults", "width", "learn"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"only": ["lern"]}, "unknown ablation of knobs 'lern'. Did you mean 'learn'"),
        ({"only": ["idle", "learn"]}, "ablation idle changes nothing"),
        ({"only": ["learn", "learn"]}, "more than once"),
        ({"seeds": []}, "seeds"),
        ({"profile": "tiny"}, "strategy 'knobs' has no profile 'tiny'; it has small"),
        ({"options": {"knobs": {"lr": -1}}}, r"knobs\.lr=-1"),
    ],
)
def test_bad_studies_are_refused_before_anything_is_stored(study, tmp_path, settings, message):
    with pytest.raises(morph_cl.UsageError, match=message):
        study(store=tmp_path / "runs", **settings)
    assert not (tmp_path / "runs").exists()


def test_a_strategy_without_ablations_is_refused(blobs):
    offered = r"'ewc' offers no ablations; strategies that do: branching, .*, morph"
    with pytest.raises(morph_cl.UsageError, match=offered):
        morph_cl.ablate("single", "ewc", dataset=blobs, store=None)


@pytest.mark.slow
def test_every_ablation_of_morph_trains(blobs):
    records = morph_cl.ablate(
        "rotated-mnist", dataset=blobs, store=None, options={"rotated-mnist": {"experiences": 2}}, **SMALL
    )
    spec = morph_cl.load_catalog().strategies.get("morph").spec
    assert list(records) == ["defaults", *spec.ablations]
    whole = records["defaults"][0].strategy_info.options
    for name, (options, _) in spec.ablations.items():
        (run,) = records[name]
        assert {k: v for k, v in run.strategy_info.options.items() if whole[k] != v} == options
        assert run.metrics["just_learned_accuracy"] > 0.5
    assert records["experts"][0].experts[-1] == 1
