"""Every baseline trains in each setting it names, honours its options and goes on exactly from a checkpoint."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from avalanche.core import SupervisedPlugin
from avalanche.training.plugins import EWCPlugin, LwFPlugin, ReplayPlugin
from avalanche.training.supervised import Naive as StockNaive

from morph_cl import UsageError, load_catalog
from morph_cl.bridge.checkpoint import load_checkpoint, save_checkpoint
from morph_cl.bridge.randomness import random_state, set_random_state
from morph_cl.bridge.state import encode_strategy, restore_strategy
from morph_cl.options import validate_options

SMALL = {
    "naive": {},
    "joint": {},
    "replay": {"mem_size": 30},
    "ewc": {},
    "lwf": {},
    "si": {},
    "agem": {"patterns_per_experience": 10},
    "gem": {"patterns_per_experience": 10},
    "gdumb": {"mem_size": 30, "memory_epochs": 20},
    "icarl": {"mem_size": 30},
    "er-ace": {"mem_size": 30, "batch_size_mem": 10},
    "mir": {"mem_size": 30, "batch_size_mem": 10},
    "der": {"mem_size": 30, "batch_size_mem": 10, "ema": 0.9, "ema_half": True, "logits": "float16"},
}
CASES = [
    (name, setting)
    for name in SMALL
    for setting in ("class", "domain", "task")
    if name != "icarl" or setting == "class"
]


def test_all_thirteen_are_registered():
    registry = load_catalog().strategies
    for name in SMALL:
        entry = registry.get(name)
        assert entry.provider.plugin == "baselines"
        assert all(field.description for field in entry.spec.params.model_fields.values())


@pytest.mark.parametrize(("name", "setting"), CASES)
def test_learns_more_than_chance(name, setting, tiny, train, measure):
    stream = tiny(setting)
    strategy = train(name, stream, **SMALL[name])
    row = measure(strategy, stream)
    chance = 0.5 if setting == "task" else 1 / stream.classes
    assert row[-1] > 1.3 * chance
    assert np.mean(row) > 1.2 * chance


@pytest.mark.parametrize("name", ["joint", "replay", "gdumb", "icarl", "er-ace", "mir", "der"])
def test_rehearsal_forgets_less_than_naive(name, tiny, train, measure):
    stream = tiny("class")
    naive = np.mean(measure(train("naive", stream), stream))
    assert np.mean(measure(train(name, stream, **SMALL[name]), stream)) > naive + 0.15


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("joint", {"restart": False}, {"restart": True}),
        ("replay", {"mem_size": 30}, {"mem_size": 60}),
        ("replay", {"batch_size_mem": 8}, {"batch_size_mem": 16}),
        ("ewc", {"ewc_lambda": 0.0}, {"ewc_lambda": 5.0}),
        ("ewc", {"mode": "separate"}, {"mode": "online", "decay_factor": 0.5}),
        ("ewc", {"mode": "online", "decay_factor": 1.0}, {"mode": "online", "decay_factor": 0.5}),
        ("lwf", {"alpha": 1.0}, {"alpha": 2.0}),
        ("lwf", {"temperature": 1.0}, {"temperature": 3.0}),
        ("si", {"si_lambda": 0.0}, {"si_lambda": 1000.0}),
        ("si", {"eps": 1e-7}, {"eps": 1.0}),
        ("agem", {"patterns_per_experience": 10}, {"patterns_per_experience": 20}),
        ("agem", {"sample_size": 4}, {"sample_size": 8}),
        ("gem", {"patterns_per_experience": 10}, {"patterns_per_experience": 20}),
        ("gem", {"memory_strength": 0.0}, {"memory_strength": 0.5}),
        ("gdumb", {"mem_size": 30, "memory_epochs": 2}, {"mem_size": 60, "memory_epochs": 2}),
        ("gdumb", {"mem_size": 30, "memory_epochs": 2}, {"mem_size": 30, "memory_epochs": 3}),
        ("gdumb", {"mem_size": 30, "batch_size_mem": 8}, {"mem_size": 30, "batch_size_mem": 16}),
        ("er-ace", {"mem_size": 30, "batch_size_mem": 8}, {"mem_size": 60, "batch_size_mem": 8}),
        ("mir", {"subsample": 20, "batch_size_mem": 8}, {"subsample": 40, "batch_size_mem": 8}),
        ("der", {"mem_size": 30}, {"mem_size": 60}),
        ("der", {"alpha": 0.1}, {"alpha": 0.2}),
        ("der", {"beta": 0.0}, {"beta": 0.5}),
        ("der", {"batch_size_mem": 8}, {"batch_size_mem": 16}),
    ],
)
def test_an_option_changes_the_outcome(name, one, other, tiny, train, weights):
    stream = tiny("domain")
    assert not torch.equal(weights(train(name, stream, **one)), weights(train(name, stream, **other)))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ewc", {"decay_factor": 0.9}),
        ("er-ace", {"mem_size": 10, "batch_size_mem": 20}),
        ("mir", {"subsample": 10, "batch_size_mem": 20}),
        ("replay", {"mem_size": 0}),
        ("der", {"ema": 1.0}),
        ("der", {"images": "float16"}),
        ("der", {"logits": "uint8"}),
    ],
)
def test_bad_options_are_refused(name, options):
    spec = load_catalog().strategies.get(name).spec
    with pytest.raises(UsageError, match=name):
        validate_options(spec.params, options, name)


@pytest.mark.parametrize("name", ["replay", "gdumb", "icarl", "er-ace", "mir", "der"])
def test_memory_size_is_respected(name, tiny, train):
    strategy = train(name, tiny("class"), **{**SMALL[name], "mem_size": 31})
    plugin = strategy.plugins[0]
    if name == "der":
        held = plugin.memory_images.shape[0]
    elif name == "icarl":
        held = sum(len(kept) for kept in plugin.exemplars.values())
    else:
        policy = strategy.storage_policy if name == "er-ace" else plugin.storage_policy
        held = len(policy.buffer)
    assert 24 <= held <= 31


@pytest.mark.parametrize("setting", ["domain", "task"])
def test_naive_is_avalanches_naive_on_the_same_batches(setting, tiny, build, seed, weights):
    stream = tiny(setting)
    seed()
    ours = build("naive", stream)
    batches = []
    ours.plugins.append(_Watch(batches))
    seed()
    twin = build("naive", stream)
    stock = _Fed(
        model=twin.model,
        optimizer=twin.optimizer,
        criterion=torch.nn.CrossEntropyLoss(),
        train_epochs=1,
        evaluator=None,
    )
    for experience in stream.benchmark.train_stream:
        batches.clear()
        ours.train(experience, eval_streams=[])
        stock.batches = batches
        stock.train(experience, eval_streams=[])
    assert torch.equal(weights(ours), weights(stock))


class _Watch(SupervisedPlugin):
    """Notes the batches that a strategy trains on."""

    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def before_training_iteration(self, strategy, **_):
        self.batches.append([column.clone() for column in strategy.mbatch])


class _Fed(StockNaive):
    """Avalanche's own strategy, given its batches."""

    def make_train_dataloader(self, **_):
        self.dataloader = self.batches


@pytest.mark.parametrize(
    ("name", "setting"),
    [*((name, "domain") for name in SMALL if name != "icarl"), ("icarl", "class"), ("gdumb", "task")],
)
def test_goes_on_exactly_from_a_checkpoint(name, setting, tiny, build, seed, weights, tmp_path):
    stream = tiny(setting)
    experiences = list(stream.benchmark.train_stream)
    seed()
    straight = build(name, stream, **SMALL[name])
    for experience in experiences:
        straight.train(experience, eval_streams=[])
        straight.eval(stream.benchmark.test_stream)
    seed()
    first = build(name, stream, **SMALL[name])
    for experience in experiences[:2]:
        first.train(experience, eval_streams=[])
        first.eval(stream.benchmark.test_stream)
    save_checkpoint(tmp_path, 2, {"strategy": encode_strategy(first), "random": random_state()})
    seed(99)
    second = build(name, stream, **SMALL[name])
    saved = load_checkpoint(tmp_path)
    restore_strategy(second, saved["strategy"], stream)
    set_random_state(saved["random"])
    second.train(experiences[2], eval_streams=[])
    assert torch.equal(weights(straight), weights(second))


@pytest.mark.parametrize("name", list(SMALL))
def test_evaluation_is_blind_to_labels_and_leaves_no_trace(name, tiny, train, weights):
    stream = tiny("class")
    strategy = train(name, stream, **SMALL[name])
    before = weights(strategy)
    told, blind = (_outputs(strategy, stream, shift) for shift in (0, 1))
    assert torch.equal(told, blind)
    assert torch.equal(before, weights(strategy))


def _outputs(strategy, stream, shift):
    """All evaluation outputs, the labels turned by ``shift`` as they reach the strategy."""
    watch = _Outputs(shift, stream.classes)
    strategy.plugins.insert(0, watch)
    strategy.eval(stream.benchmark.test_stream)
    strategy.plugins.remove(watch)
    return torch.cat(watch.outputs)


class _Outputs(SupervisedPlugin):
    def __init__(self, shift, classes):
        super().__init__()
        self.shift = shift
        self.classes = classes
        self.outputs = []

    def before_eval_iteration(self, strategy, **_):
        strategy.mbatch[1] = (strategy.mbatch[1] + self.shift) % self.classes

    def after_eval_forward(self, strategy, **_):
        self.outputs.append(strategy.mb_output.detach().clone())


@pytest.mark.parametrize("name", ["der", "gem", "er-ace", "mir"])
@pytest.mark.parametrize(
    "make",
    [lambda: EWCPlugin(1.0), lambda: LwFPlugin(1.0, 2.0), lambda: ReplayPlugin(20)],
    ids=["ewc", "lwf", "replay"],
)
def test_avalanche_plugins_can_be_attached(name, make, tiny, train, weights):
    stream = tiny("domain")
    alone = train(name, stream, epochs=1, **SMALL[name])
    attached = train(name, stream, epochs=1, plugins=(make(),), **SMALL[name])
    assert torch.isfinite(weights(attached)).all()
    assert not torch.equal(weights(alone), weights(attached))
