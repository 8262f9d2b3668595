"""Training: the parent first, then branches that leave it as it is."""

from __future__ import annotations

import math

import pytest
import torch
from avalanche.core import SupervisedPlugin
from morph_cl_plugins.branching import closing

from morph_cl import load_catalog
from morph_cl.testing import check_strategy

SMALL = {"hidden": [16, 12], "branch_hidden": [10, 8]}
NESTED = {"groups": "parity", "nested": [[0, 2]]}


class _Eyes(SupervisedPlugin):
    """Keeps the parent's weights and the images of each training step."""

    stateless = True

    def __init__(self):
        super().__init__()
        self.parents, self.images, self.counts = [], [], []

    def after_training_iteration(self, strategy, **_):
        self.parents.append(torch.cat([p.detach().flatten() for p in strategy.network.parent.parameters()]).clone())
        self.images.append(strategy.mb_x.flatten(1).clone())
        self.counts.append(strategy.expert_count)
        weights = strategy.batch_expert_weights()
        assert weights.shape == (strategy.expert_count,)
        assert bool((weights >= 0).all())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"groups": "parity", "nested": [[0, 2]], "parent_experiences": 2},
        {"routing": "confidence", "rejected": "unknown"},
        {"parent_experiences": 3, "groups": "experience", "nested": [[0, 2]], "decay": False},
        {"network": "cnn", "hidden": [4, 6], "layer": 1, "optimizer": "sgd", "threshold": 0.9},
    ],
)
def test_the_contract_of_a_strategy(options):
    check_strategy("branching", {**SMALL, **options})


def test_is_registered_with_options_that_say_what_they_do():
    entry = load_catalog().strategies.get("branching")
    assert entry.provider.plugin == "branching"
    assert all(field.description for field in entry.spec.params.model_fields.values())


def test_in_a_single_experience_the_parent_comes_first_and_stays(make_small_stream, make_branching):
    eyes = _Eyes()
    stream = make_small_stream()
    strategy = make_branching(stream, plugins=(eyes,), branch_share=0.5, **NESTED)
    strategy.train(stream.benchmark.train_stream[0], eval_streams=[])
    first = eyes.counts.index(3)
    assert first == len(eyes.counts) // 2
    assert sorted(set(eyes.counts)) == [1, 3, 4]
    assert not torch.equal(eyes.parents[0], eyes.parents[first - 1])
    assert all(torch.equal(eyes.parents[first - 1], later) for later in eyes.parents[first:])


def test_held_out_images_train_nothing_and_temperatures_come_from_them(make_small_stream, make_branching, monkeypatch):
    held, counted = [], []
    choose = closing.choose_temperature

    def watch(logits, target):
        counted.append(len(target))
        return choose(logits, target)

    class Eyes(_Eyes):
        def after_training_epoch(self, strategy, **_):
            held.extend(x.flatten(1) for x, _, _ in strategy._lesson.held())

    monkeypatch.setattr(closing, "choose_temperature", watch)
    eyes, stream = Eyes(), make_small_stream()
    strategy = make_branching(stream, plugins=(eyes,), epochs=2, validation=0.2)
    strategy.train(stream.benchmark.train_stream[0], eval_streams=[])
    out, seen = torch.cat(held).unique(dim=0), torch.cat(eyes.images)
    assert len(out) == 120
    assert not bool((out[:, None] == seen.unique(dim=0)[None]).all(2).any())
    assert counted[0] == 120  # the parent
    assert sum(counted[1:]) == 120  # evens and odds


def test_a_stream_grows_one_branch_an_experience(make_small_stream, train_branching, test_batches):
    stream = make_small_stream(3)
    strategy = train_branching(stream)
    assert strategy.expert_names == ("parent", "branch 1: 2 3", "branch 2: 4 5")
    assert strategy.assigned_experts(torch.arange(6)).tolist() == [0, 0, 1, 1, 2, 2]
    figures = strategy.final_figures(test_batches(stream))
    assert figures["accuracy"] > 0.8 > 1.5 * figures["parent_accuracy"]
    assert figures["oracle_branch_accuracy"] > 0.9
    assert figures["routed_as_trained"] > 0.8


def test_each_group_of_a_later_experience_grows_a_branch(make_small_stream, train_branching):
    strategy = train_branching(make_small_stream(2), groups=[[0, 1, 2, 3], [4, 5]])
    assert strategy.expert_names == ("parent", "branch 1: 3", "branch 2: 4 5")
    kinds = [(event.kind, event.detail["expert"]) for event in strategy.drain_events()]
    assert kinds == [("calibration", 0), ("growth", 1), ("growth", 2), ("calibration", 1), ("calibration", 2)]
    assert strategy.drain_events() == []


@pytest.mark.parametrize("routing", ["parent", "density", "confidence"])
def test_single_is_learned_and_told_of(routing, make_small_stream, train_branching, test_batches):
    stream = make_small_stream()
    strategy = train_branching(stream, routing=routing, epochs=12, branch_share=0.6, **NESTED)
    batches = test_batches(stream)
    figures = strategy.final_figures(batches)
    assert figures["accuracy"] > 0.75
    assert figures["oracle_branch_accuracy"] > 0.75
    assert figures["oracle_free_accuracy"] >= figures["parent_accuracy"]
    assert all(math.isfinite(value) for value in figures.values())
    weights = strategy.expert_weights(batches[0].x, 0)
    assert weights.shape == (120, 4)
    assert torch.equal(weights.sum(1), torch.ones(120))
    assert strategy.assigned_experts(torch.arange(6)).tolist() == [3, 2, 3, 2, 1, 2]


def test_figures_that_are_not_called_oracle_count_labels_only(make_small_stream, train_branching, test_batches):
    stream = make_small_stream()
    strategy = train_branching(stream, **NESTED)
    true, wrong = (strategy.final_figures(test_batches(stream, shift)) for shift in (0, 1))
    for name in ("coverage", "macs_per_prediction", "parent_macs"):
        assert true[name] == wrong[name]
    assert wrong["accuracy"] < 0.4 < true["accuracy"]


def test_unknowns_count_as_not_right_and_leave_the_accepted_purer(make_small_stream, train_branching, test_batches):
    stream = make_small_stream()
    strategy = train_branching(stream, epochs=3, rejected="unknown", reject_cost=0.02)
    figures = strategy.final_figures(test_batches(stream))
    assert figures["coverage"] < 1
    assert figures["accuracy"] == pytest.approx(figures["coverage"] * figures["accepted_accuracy"])
    assert figures["accepted_accuracy"] > 1 - figures["risk_at_100_coverage"]


def test_told_the_task_it_answers_within_it(make_small_stream, train_branching, test_batches):
    stream = make_small_stream(3, "task")
    strategy = train_branching(stream)
    for batch in test_batches(stream):
        tasks = torch.full((len(batch.y),), batch.task)
        answers = strategy.model(batch.x, tasks).argmax(1)
        assert set(answers.tolist()) <= set(batch.y.tolist())
    assert strategy.final_figures(test_batches(stream))["accuracy"] > 0.8


def test_a_finished_model_is_restored_bit_for_bit(make_small_stream, make_branching, train_branching, test_batches):
    stream = make_small_stream()
    strategy, fresh = train_branching(stream, **NESTED), make_branching(stream, **NESTED)
    fresh.load_state_dict(strategy.state_dict())
    fresh.model.eval()
    x = test_batches(stream)[0].x
    assert torch.equal(fresh.model(x), strategy.model(x))
    assert fresh.drain_events() == strategy.drain_events()
