"""Training, what the strategy measures of itself, and what it refuses."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from avalanche.core import SupervisedPlugin
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from morph_cl import LabelledBatch, UsageError, load_catalog
from morph_cl.bridge.inspection import labelled_batches
from morph_cl.options import validate_options
from morph_cl.testing import check_strategy

SETTINGS = ("class", "domain", "task")


def train(strategy, stream, experiences=3):
    for number in range(experiences):
        strategy.train(stream.benchmark.train_stream[number], eval_streams=[])
    strategy.model.eval()
    return strategy


def right(strategy, stream):
    """Share of right test answers in the experience learned last, with the label counted outside the strategy."""
    batch = list(labelled_batches(stream, 1000))[-1]
    told = (batch.task,) if stream.setting == "task" else ()
    with torch.no_grad():
        return float((strategy.model(batch.x, *told).argmax(1) == batch.y).float().mean())


@pytest.mark.parametrize("options", [{}, {"error": "change", "network": "cnn", "hidden": [4, 8]}, {"iterations": 0}])
def test_keeps_every_promise_of_a_strategy(options):
    check_strategy("iwmn", {"hidden": [16], "modulator_hidden": 8, **options})


@pytest.mark.parametrize("setting", SETTINGS)
def test_learns(setting, make_stream, make_strategy):
    stream = make_stream(setting)
    assert right(train(make_strategy(stream, epochs=40), stream), stream) > 0.9


def test_has_no_experts(make_stream, make_strategy):
    strategy = make_strategy(make_stream())
    assert strategy.expert_count == 1
    assert strategy.expert_names == ()


class _Losses(SupervisedPlugin):
    """Notes the loss of each step beside one computed by hand."""

    def __init__(self, discount):
        super().__init__()
        self.discount, self.pairs = discount, []

    def before_backward(self, strategy, **_):
        x, y, task = strategy.mb_x, strategy.mb_y, strategy.mb_task_id
        allowed = strategy.model.allowed(x, task) if hasattr(strategy.model, "allowed") else None
        with torch.no_grad():
            losses = [float(functional.cross_entropy(a, y)) for a in strategy.network.unroll(x, allowed)]
        weights = [self.discount ** (len(losses) - 1 - number) for number in range(len(losses))]
        by_hand = sum(w * loss for w, loss in zip(weights, losses, strict=True)) / sum(weights)
        self.pairs.append((float(strategy.loss), by_hand))


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("discount", [0.0, 0.5, 1.0])
def test_trains_on_every_iteration(setting, discount, make_stream, make_strategy):
    stream, losses = make_stream(setting), _Losses(discount)
    train(make_strategy(stream, plugins=(losses,), discount=discount, dropout=0), stream)
    assert len(losses.pairs) > 3
    for ours, by_hand in losses.pairs:
        assert ours == pytest.approx(by_hand, rel=1e-4, abs=1e-6)


@settings(max_examples=20)
@given(seed=st.integers(0, 2**31 - 1), size=st.integers(1, 40))
def test_figures_count_right_answers_and_iterations(seed, size, trained):
    strategy, stream = trained
    batches = list(labelled_batches(stream, size))
    generator = torch.Generator().manual_seed(seed)
    mixed = [LabelledBatch(b.x, b.y[torch.randperm(len(b.y), generator=generator)], b.task, 0) for b in batches]
    with torch.no_grad():
        figures, other = strategy.final_figures(iter(batches)), strategy.final_figures(iter(mixed))
        x, y = torch.cat([b.x for b in batches]), torch.cat([b.y for b in batches])
        answers, made = strategy.network.unroll(x), strategy.network.settle(x)[1]
    for number, answer in enumerate(answers):
        assert figures[f"accuracy_iteration_{number}"] == pytest.approx(float((answer.argmax(1) == y).float().mean()))
    assert set(figures) == {"mean_iterations", *(f"accuracy_iteration_{number}" for number in range(4))}
    assert figures["mean_iterations"] == pytest.approx(float(made.float().mean()))
    assert other["mean_iterations"] == figures["mean_iterations"]  # labels say nothing about when to stop


@pytest.fixture(scope="module")
def trained(make_stream, make_strategy):
    stream = make_stream("domain")
    return train(make_strategy(stream, epochs=3, strength=1.0, tolerance=0.05), stream), stream


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_label_never_matters_at_evaluation(setting, make_stream, make_strategy):
    strategy = train(make_strategy(make_stream(setting), epochs=2), make_stream(setting))
    seen = []

    class Note(SupervisedPlugin):
        def after_eval_iteration(self, strategy, **_):
            seen.append((strategy.mb_output.clone(), strategy.mb_y.clone()))

    strategy.plugins.append(Note())
    for shuffled in (False, True):
        strategy.eval(make_stream(setting, shuffle_test_labels=shuffled).benchmark.test_stream)
    half = len(seen) // 2
    assert any(not torch.equal(a[1], b[1]) for a, b in zip(seen[:half], seen[half:], strict=True))
    assert all(torch.equal(a[0], b[0]) for a, b in zip(seen[:half], seen[half:], strict=True))


def test_the_label_reaches_the_answers_of_training_only_through_the_weights(make_stream, make_strategy):
    """The first step's answers are those that the untrained network gives without any label."""
    stream, pairs = make_stream(), []

    class First(SupervisedPlugin):
        def after_forward(self, strategy, **_):
            if not pairs:
                pairs.append((strategy.mb_output.detach().clone(), untrained(strategy.mb_x).detach()))

    strategy = make_strategy(stream, plugins=(First(),), tolerance=0, dropout=0)
    untrained = copy.deepcopy(strategy.network)
    train(strategy, stream, 1)
    torch.testing.assert_close(*pairs[0])


@pytest.mark.parametrize(("decay", "last"), [(True, 0.05), (False, 1.0)])
def test_the_learning_rate_falls_in_each_experience(decay, last, make_stream, make_strategy):
    rates = []

    class Rate(SupervisedPlugin):
        def after_update(self, strategy, **_):
            rates.append(strategy.optimizer.param_groups[0]["lr"])

    stream = make_stream()
    train(make_strategy(stream, epochs=10, plugins=(Rate(),), decay=decay), stream, 2)
    half = len(rates) // 2
    assert rates[:half] == rates[half:]
    assert rates[0] == pytest.approx(0.01)
    assert sorted(rates[:half], reverse=True) == rates[:half]
    assert rates[half - 1] == pytest.approx(0.01 * last, abs=0.01 * 1.0 / half)


@pytest.mark.parametrize(
    ("option", "one", "other"),
    [
        ("modulator_hidden", 6, 7),
        ("iterations", 1, 2),
        ("strength", 0.1, 0.5),
        ("error", "hard", "sharpened"),
        ("error", "hard", "change"),
        ("discount", 1.0, 0.5),
        ("pixel_mean", 0.1, 0.2),
        ("pixel_std", 0.3, 0.5),
        ("dropout", 0.0, 0.2),
        ("lr", 0.01, 0.02),
        ("optimizer", "adam", "sgd"),
        ("weight_decay", 0.0, 0.1),
        ("decay", True, False),
        ("tolerance", 0.0, 0.5),
    ],
)
def test_an_option_changes_the_outcome(option, one, other, make_stream, make_strategy):
    stream = make_stream()
    x = next(iter(labelled_batches(stream, 1000))).x
    models = [train(make_strategy(stream, **{option: value}), stream, 1).model for value in (one, other)]
    with torch.no_grad():
        ours, theirs = (model(x) for model in models)
    assert not torch.equal(ours, theirs)


@pytest.mark.parametrize(
    ("option", "value", "allowed"),
    [
        ("iterations", -1, "greater than or equal to 0"),
        ("iterations", 1.5, "integer"),
        ("iterations", 101, "less than or equal to 100"),
        ("strength", 0, "greater than 0"),
        ("strength", 1.1, "less than or equal to 1"),
        ("strength", -0.1, "greater than 0"),
        ("strength", math.nan, "finite"),
        ("tolerance", -0.1, "greater than or equal to 0"),
        ("tolerance", 2, "less than or equal to 1"),
        ("discount", 1.5, "less than or equal to 1"),
        ("modulator_hidden", 0, "greater than or equal to 1"),
        ("hidden", [], "at least 1"),
        ("dropout", 1, "less than 1"),
        ("pixel_std", 0, "greater than 0"),
        ("pixel_mean", 3, "less than or equal to 2"),
        ("error", "label", "'hard', 'sharpened' or 'change'"),
    ],
)
def test_refuses_bad_input_and_says_what_is_allowed(option, value, allowed):
    params = load_catalog().strategies.get("iwmn").spec.params
    with pytest.raises(UsageError, match=f"iwmn.{option}") as refused:
        validate_options(params, {option: value}, "iwmn")
    assert allowed in str(refused.value)
