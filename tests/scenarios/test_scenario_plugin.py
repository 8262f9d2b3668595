import json
import subprocess
import sys

import pytest
import torch
from avalanche.evaluation.metrics import accuracy_metrics
from avalanche.models import SimpleMLP
from avalanche.training.plugins import EvaluationPlugin
from avalanche.training.supervised import Naive
from morph_cl_scenarios.plugin import register_scenarios

from morph_cl import ScenarioRequest, load_catalog
from morph_cl.bridge.dataset import as_float
from morph_cl.options import validate_options

SPECS = {spec.name: spec for spec in register_scenarios()}
NAMES = [
    "rotated-mnist",
    "permuted-mnist",
    "split-mnist",
    "split-fashion",
    "split-cifar10",
    "split-cifar100",
    "single",
    "drifting-mnist",
    "drifting-fashion",
    "drifting-cifar10",
]
DRAWN = ["drifting-sea", "drifting-agrawal", "drifting-led", "drifting-rbf", "drifting-elec2", "recorded-river"]
"""Scenarios that draw their own samples; tests/scenarios/tabular has more of them."""
COMBINATIONS = [(name, setting) for name in NAMES for setting in SPECS[name].settings]


def build(name, data, *, seed=0, setting=None, validation=0.0, **options):
    spec = SPECS[name]
    request = ScenarioRequest(data, seed, setting or spec.settings[0], validation)
    return spec.resolve()(request, validate_options(spec.params, options, name))


def test_every_scenario_comes_in_through_the_entry_point():
    entries = {name: load_catalog().scenarios.get(name) for name in (*NAMES, *DRAWN)}
    assert all(entry.provider.bundled and entry.provider.plugin == "scenarios" for entry in entries.values())
    assert list(SPECS) == [*NAMES, *DRAWN]


def test_listing_scenarios_imports_neither_torch_nor_river():
    code = (
        "import sys; from morph_cl_scenarios.plugin import register_scenarios as r; list(r());"
        "sys.exit('torch' in sys.modules or 'river' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", [*NAMES, *DRAWN])
def test_presets_are_valid_and_training_belongs_to_a_preset(name):
    spec = SPECS[name]
    for options in spec.presets.values():
        validate_options(spec.params, options, name)
    assert set(spec.training) <= set(spec.presets)


@pytest.mark.parametrize("name", [*NAMES, *DRAWN])
def test_options_survive_a_round_trip_through_the_record(name):
    spec = SPECS[name]
    for options in ({}, *spec.presets.values()):
        first = validate_options(spec.params, options, name)
        stored = json.loads(json.dumps(first.model_dump(mode="json")))
        assert validate_options(spec.params, stored, name) == first


def test_split_scenarios_are_made_of_their_own_data_and_default_to_the_class_setting():
    datasets = {name: SPECS[name].dataset for name in NAMES if name.startswith("split")}
    assert datasets == {
        "split-mnist": "auto",
        "split-fashion": "fashion-mnist",
        "split-cifar10": "cifar10",
        "split-cifar100": "cifar100",
    }
    assert all(SPECS[name].settings == ("class", "task", "domain") for name in datasets)


@pytest.mark.parametrize(("name", "setting"), COMBINATIONS)
def test_task_labels_exist_only_in_the_task_setting(name, setting, make_data):
    stream = build(name, make_data(20, 4), setting=setting, **_few(name))
    for number, experience in enumerate(stream.benchmark.train_stream):
        expected = number if setting == "task" else 0
        assert {sample[2] for sample in experience.dataset} == {expected}
        assert hasattr(experience, "task_labels") == (setting == "task")
        if setting == "task":
            assert experience.task_labels == [number]


@pytest.mark.parametrize(("name", "setting"), COMBINATIONS)
def test_validation_comes_from_train_and_never_from_test(name, setting, make_data):
    data = make_data(20, 8)
    plain = build(name, data, setting=setting, **_few(name))
    held = build(name, data, setting=setting, validation=0.25, **_few(name))
    assert held.has_validation()
    assert not plain.has_validation()
    for number in range(len(plain)):
        whole, train, valid, test = (
            {bytes(x.numpy().tobytes()) for x, *_ in getattr(stream.benchmark, f"{name_}_stream")[number].dataset}
            for stream, name_ in ((plain, "train"), (held, "train"), (held, "valid"), (held, "test"))
        )
        assert train | valid == whole
        assert not train & valid
        assert not valid & test
        assert len(valid) == round(len(whole) * 0.25)


@pytest.mark.parametrize("name", ["rotated-mnist", "permuted-mnist", "split-mnist", "single"])
def test_a_stock_avalanche_strategy_trains_and_evaluates(name, make_data):
    stream = build(name, make_data(10, 8), **_few(name))
    torch.manual_seed(0)
    model = SimpleMLP(num_classes=stream.classes, input_size=64, hidden_size=16)
    evaluator = EvaluationPlugin(accuracy_metrics(experience=True), loggers=[])
    strategy = Naive(
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), 0.1),
        criterion=torch.nn.CrossEntropyLoss(),
        train_mb_size=16,
        train_epochs=1,
        eval_mb_size=32,
        evaluator=evaluator,
    )
    before = [parameter.clone() for parameter in model.parameters()]
    for experience in stream.benchmark.train_stream:
        assert experience.classes_in_this_experience
        strategy.train(experience)
    figures = strategy.eval(stream.benchmark.test_stream)
    assert len(figures) == len(stream)
    assert all(0 <= value <= 1 for value in figures.values())
    assert any(not torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


@pytest.mark.parametrize(("name", "setting"), COMBINATIONS)
def test_labels_name_each_experience_and_detail_is_json(name, setting, make_data):
    stream = build(name, make_data(20, 4), setting=setting, **_few(name))
    assert len(set(stream.labels)) == len(stream) == len(stream.benchmark.train_stream)
    assert json.loads(json.dumps(stream.detail)) == stream.detail


@pytest.mark.parametrize(("name", "setting"), COMBINATIONS)
def test_one_seed_gives_one_stream_whatever_the_global_generators_hold(name, setting, make_data):
    data = make_data(20, 4)
    torch.manual_seed(1)
    first = build(name, data, seed=5, setting=setting, **_few(name))
    torch.manual_seed(2)
    state = torch.get_rng_state()
    second = build(name, data, seed=5, setting=setting, **_few(name))
    assert torch.equal(state, torch.get_rng_state())
    assert first.labels == second.labels
    assert first.detail == second.detail
    for a, b in zip(first.benchmark.train_stream, second.benchmark.train_stream, strict=True):
        assert all(torch.equal(p[0], q[0]) and p[1:] == q[1:] for p, q in zip(a.dataset, b.dataset, strict=True))


def test_single_holds_all_data_or_as_much_as_asked_for(toy):
    whole = build("single", toy)
    x = torch.stack([sample[0] for sample in whole.benchmark.train_stream[0].dataset])
    assert torch.equal(x, as_float(toy.train_x))
    assert len(build("single", toy, train_size=30).benchmark.train_stream[0].dataset) == 30
    assert len(whole) == 1


def _few(name):
    if name.startswith("drifting"):
        return {"patterns": "abrupt"}
    return {} if name in ("single", "split-cifar100") else {"experiences": 5}
