"""The mixture as a strategy: sizes, contract, refusals, what it tells."""

from __future__ import annotations

import copy

import pytest
import torch
from avalanche.core import SupervisedPlugin
from morph_cl_plugins.moe.networks import build_mixture, convolutions
from morph_cl_plugins.moe.options import MoeOptions
from morph_cl_plugins.moe.strategy import build_moe

from morph_cl import UsageError
from morph_cl.bridge.inspection import labelled_batches
from morph_cl.options import validate_options
from morph_cl.testing import check_strategy
from morph_cl.testing.samples import sample_stream


@pytest.mark.parametrize(("experts", "k", "count"), [(1, 1, 204_315), (4, 2, 817_260), (16, 4, 3_269_040)])
def test_parameters_are_those_of_784_256_10_experts_and_a_linear_gate(make_context, experts, k, count):
    strategy = build_moe(make_context(input_shape=(1, 28, 28), classes=10), MoeOptions(experts=experts, k=k))
    assert sum(parameter.numel() for parameter in strategy.model.parameters()) == count
    assert strategy.expert_count == len(strategy.expert_names) == experts


@pytest.mark.parametrize(
    "options",
    [
        {"hidden": [12]},
        {"hidden": [12], "k": 1, "noise": True},
        {"network": "cnn", "hidden": [4], "gate": "network", "k": 4},
        {"expert": "cnn", "experts": 2},
    ],
    ids=["dense", "noisy", "convolutions", "registered"],
)
def test_it_keeps_the_contract_of_strategies(options):
    check_strategy("moe", options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 5}, r"k=5 exceeds experts=4; k can be 1 to 4"),
        ({"experts": 1}, r"k=2 exceeds experts=1"),
        ({"experts": 0}, "greater than or equal to 1"),
        ({"k": 0}, "greater than or equal to 1"),
        ({"expert": "cnn", "hidden": [8]}, r"network has no meaning|hidden has no meaning with expert=cnn"),
        ({"network": "rnn"}, "'mlp' or 'cnn'"),
        ({"balance": -1}, "greater than or equal to 0"),
    ],
)
def test_what_cannot_work_is_refused(options, message):
    with pytest.raises(UsageError, match=message):
        validate_options(MoeOptions, options, "moe")


def test_widths_follow_the_network_unless_given():
    assert MoeOptions().hidden == (256,)
    assert MoeOptions(network="cnn").hidden == (16, 32, 64)
    assert MoeOptions(network="cnn", hidden=(5,)).hidden == (5,)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 9, 5), (1, 1, 1)])
def test_convolutions_fit_any_image(shape):
    assert convolutions(shape, (4, 6), 7)(torch.rand(2, *shape)).shape == (2, 7)


def test_a_registered_expert_is_taken(make_context):
    mixture = build_mixture(make_context(), MoeOptions(expert="mlp", experts=3))
    widths = [module.out_features for module in mixture.experts[2].modules() if isinstance(module, torch.nn.Linear)]
    assert widths == [256, 256, 4]


def test_figures_count_who_answered(train):
    strategy, stream = train("moe", "domain"), sample_stream("domain")
    figures = strategy.final_figures(labelled_batches(stream, 7))
    assert set(figures) == {"usage_entropy", "nmi", "purity"}
    assert all(0 <= figure <= 1 for figure in figures.values())
    shares = torch.cat([strategy.expert_weights(batch.x, 0) for batch in labelled_batches(stream, 50)]).mean(0)
    entropy = float(torch.special.entr(shares).sum() / torch.tensor(4.0).log())
    assert figures["usage_entropy"] == pytest.approx(entropy, abs=1e-5)


def test_it_learns_and_tells_who_answers(train):
    strategy = train("moe", "domain", epochs=8)
    stream = sample_stream("domain")
    x, y = _test_data(stream, 2)
    assert float((strategy.model(x).argmax(1) == y).float().mean()) > 0.9
    weights = strategy.expert_weights(x, 0)
    torch.testing.assert_close(weights.sum(1), torch.ones(len(x)))
    assert bool(((weights > 0).sum(1) == 2).all())
    assert float(strategy.batch_expert_weights().sum()) == pytest.approx(1.0, abs=1e-5)


def test_gate_losses_reach_training_only(train):
    even, alone = (train("moe", "domain", epochs=8, balance=balance, k=1) for balance in (1.0, 0.0))
    x, _ = _test_data(sample_stream("domain"), 0)
    spread = [strategy.expert_weights(x, 0).mean(0).max() for strategy in (even, alone)]
    assert float(spread[0]) < float(spread[1])
    differences = []

    class Watch(SupervisedPlugin):
        def after_eval_iteration(self, strategy, **_):
            plain = torch.nn.functional.cross_entropy(strategy.mb_output, strategy.mb_y)
            differences.append(float(abs(strategy.loss - plain)))

    even.plugins.append(Watch())
    even.eval(sample_stream("domain").benchmark.test_stream)
    assert max(differences) < 1e-6


def test_the_learning_rate_falls_in_each_experience(train):
    rates = []

    class Watch(SupervisedPlugin):
        def after_training_iteration(self, strategy, **_):
            rates.append(strategy.optimizer.param_groups[0]["lr"])

        def after_training_exp(self, strategy, **_):
            copy.deepcopy(strategy.model)  # as plugins with a teacher do
            rates.append(None)

    train("moe", plugins=(Watch(),))
    first, second, third, rest = " ".join(map(str, rates)).split("None")
    for part in (first, second, third):
        falling = [float(rate) for rate in part.split()]
        assert falling == sorted(falling, reverse=True)
        assert falling[0] == 1e-3
        assert 5e-5 < falling[-1] < 6e-4
    assert not rest.strip()
    rates.clear()
    train("moe", plugins=(Watch(),), decay=False)
    assert {rate for rate in rates if rate is not None} == {1e-3}


def _test_data(stream, experience):
    (batch,) = [batch for batch in labelled_batches(stream, 10_000) if batch.experience == experience]
    return batch.x, batch.y
