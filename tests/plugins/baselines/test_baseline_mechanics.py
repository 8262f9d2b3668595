"""What makes each baseline itself: projections, importances, retrieval, herding."""

from __future__ import annotations

import copy

import pytest
import torch
from avalanche.core import SupervisedPlugin
from avalanche.training.plugins import EWCPlugin
from hypothesis import given, settings
from hypothesis import strategies as st
from morph_cl_plugins.baselines.icarl import NearestMeans, herd
from morph_cl_plugins.baselines.memory_batches import MemoryBatches
from torch.nn import functional


def _gradient(strategy):
    return torch.cat([p.grad.flatten() for p in strategy.model.parameters()])


@pytest.mark.parametrize("name", ["agem", "gem"])
def test_projected_step_opposes_no_reference_gradient(name, tiny, build, seed):
    stream = tiny("domain")
    seed()
    strategy = build(name, stream, epochs=3, patterns_per_experience=20)
    projection = strategy.plugins[0]
    raw, projected = [], []

    class Before(SupervisedPlugin):
        def after_backward(self, strategy, **_):
            raw.append(_products(strategy))

    class After(SupervisedPlugin):
        def after_backward(self, strategy, **_):
            projected.append(_products(strategy))

    def _products(strategy):
        if not strategy.clock.train_exp_counter:
            return torch.zeros(1)
        references = projection.G if name == "gem" else projection.reference_gradients.unsqueeze(0)
        return references @ _gradient(strategy)

    strategy.plugins.insert(0, Before())
    strategy.plugins.append(After())
    for experience in stream.benchmark.train_stream:
        strategy.train(experience, eval_streams=[])
    assert min(float(value.min()) for value in raw) < -1e-3
    assert min(float(value.min()) for value in projected) > -1e-2 * max(float(v.abs().max()) for v in raw)


def test_agem_draws_the_same_number_of_each_experience(tiny, train, seed):
    strategy = train("agem", tiny("task"), patterns_per_experience=10, sample_size=12)
    plugin = strategy.plugins[0]
    assert [len(kept) for kept in plugin.buffers] == [10, 10, 10]
    _, _, task = MemoryBatches(plugin.buffers, "cpu").balanced(12)
    assert task.tolist() == [0] * 4 + [1] * 4 + [2] * 4


def test_si_holds_important_weights(tiny, build, seed, weights):
    stream = tiny("domain")
    first, second = list(stream.benchmark.train_stream)[:2]
    moved = {}
    for strength in (0.0, 3000.0):
        seed()
        strategy = build("si", stream, si_lambda=strength, lr=0.01)
        strategy.train(first, eval_streams=[])
        importances = torch.cat([data.data for data in strategy.plugins[0].ewc_data[1].values()])
        assert float(importances.abs().max()) > 0
        start = weights(strategy)
        strategy.train(second, eval_streams=[])
        moved[strength] = float((importances.clamp(min=0) * (weights(strategy) - start) ** 2).sum())
    assert moved[3000.0] < 0.5 * moved[0.0]


def test_ewc_penalty_pulls_back(tiny, build, seed, weights):
    stream = tiny("domain")
    first, second = list(stream.benchmark.train_stream)[:2]
    moved = {}
    for strength in (0.0, 20.0):
        seed()
        strategy = build("ewc", stream, ewc_lambda=strength, lr=0.02)
        strategy.train(first, eval_streams=[])
        importances = torch.cat([data.data.flatten() for data in strategy.plugins[0].importances[0].values()])
        start = weights(strategy)
        strategy.train(second, eval_streams=[])
        moved[strength] = float((importances * (weights(strategy) - start) ** 2).sum())
    assert moved[20.0] < moved[0.0]


@pytest.mark.parametrize(("setting", "mode"), [("domain", "separate"), ("domain", "online"), ("task", "separate")])
def test_ewc_is_avalanches_bit_for_bit(tiny, build, seed, weights, setting, mode):
    stream = tiny(setting)
    trained = []
    for stock in (False, True):
        seed()
        strategy = build("ewc", stream, mode=mode, ewc_lambda=30.0, epochs=2)
        if stock:
            own = strategy.plugins[0]
            strategy.plugins[0] = EWCPlugin(own.ewc_lambda, own.mode, own.decay_factor)
        for experience in stream.benchmark.train_stream:
            strategy.train(experience, eval_streams=[])
        kept = strategy.plugins[0].importances.values()
        importances = torch.cat([one.data.flatten() for found in kept for one in found.values()])
        assert float(importances.max()) > 0
        trained.append((weights(strategy), importances, torch.get_rng_state()))
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(*trained, strict=True))


def test_mir_chooses_what_the_step_harms_most(tiny, build, seed):
    stream = tiny("domain")
    seed()
    strategy = build("mir", stream, mem_size=40, subsample=40, batch_size_mem=5)
    checks = []

    class Check(SupervisedPlugin):
        def before_backward(self, strategy, **_):
            if plugin.replay_loader is None or len(checks) > 3:
                return
            x, y, task = MemoryBatches([plugin.storage_policy.buffer], "cpu").take(torch.arange(40))
            chosen = plugin._most_interfered(strategy, x, y, task)
            stepped = copy.deepcopy(strategy.model)
            loss = functional.cross_entropy(stepped(strategy.mb_x), strategy.mb_y)
            loss.backward()
            with torch.no_grad():
                for parameter in stepped.parameters():
                    parameter -= 0.1 * parameter.grad
                harm = functional.cross_entropy(stepped(x), y, reduction="none")
                harm -= functional.cross_entropy(strategy.model(x), y, reduction="none")
            best = harm.sort(descending=True).values[:5]
            checks.append(torch.allclose(harm[chosen].sort(descending=True).values, best, atol=1e-5))

    plugin = strategy.plugins[0]
    strategy.plugins.insert(0, Check())
    for experience in list(stream.benchmark.train_stream)[:2]:
        strategy.train(experience, eval_streams=[])
    assert len(checks) == 4
    assert all(checks)


@settings(max_examples=40, deadline=None)
@given(size=st.integers(1, 30), count=st.integers(1, 40), seed=st.integers(0, 99))
def test_herding_chooses_each_sample_once_and_greedily(size, count, seed):
    features = torch.randn(size, 4, generator=torch.Generator().manual_seed(seed))
    order = herd(features, count)
    assert len(order) == len(set(order.tolist())) == min(size, count)
    first = torch.linalg.vector_norm(features - features.mean(0), dim=1).argmin()
    assert int(order[0]) == int(first)


def test_nearest_means_answers_with_known_classes_only():
    head = NearestMeans(3, 2)
    head.means[1] = torch.tensor([0.0, 1.0])
    head.known[1] = True
    assert head(torch.tensor([[5.0, 0.0]])).argmax(1).tolist() == [1]
    assert torch.isfinite(head(torch.zeros(1, 2))).all()


def test_icarl_keeps_exemplars_in_equal_shares(tiny, train):
    strategy = train("icarl", tiny("class"), mem_size=30)
    exemplars = strategy.plugins[0].exemplars
    assert {label: len(kept) for label, kept in exemplars.items()} == dict.fromkeys(range(6), 5)
    for label, kept in exemplars.items():
        assert {int(target) for target in kept.targets} == {label}


def test_gdumb_starts_each_experience_from_the_same_weights(tiny, build, seed):
    stream = tiny("domain")
    seed()
    strategy = build("gdumb", stream, mem_size=30, memory_epochs=2)
    starts = []

    class Start(SupervisedPlugin):
        def before_training_exp(self, strategy, **_):
            starts.append(torch.cat([p.detach().flatten() for p in strategy.model.parameters()]).clone())

    strategy.plugins.append(Start())
    for experience in stream.benchmark.train_stream:
        strategy.train(experience, eval_streams=[])
    assert torch.equal(starts[0], starts[1])
    assert torch.equal(starts[0], starts[2])


def test_gdumb_learns_no_task_from_test_data(tiny, build, seed):
    stream = tiny("task")
    seed()
    strategy = build("gdumb", stream, mem_size=30, memory_epochs=1)
    first, second, _ = stream.benchmark.train_stream
    strategy.train(first, eval_streams=[])
    strategy.eval(stream.benchmark.test_stream)
    strategy.train(second, eval_streams=[])
    assert strategy.model.task_classes.any(1).tolist() == [True, True, False]


def test_joint_trains_on_everything_so_far(tiny, train, build, seed):
    strategy = train("joint", tiny("domain"), epochs=1)
    assert len(strategy.dataset) == 3 * 240
    stream = tiny("domain")
    seed()
    restarted = build("joint", stream, restart=True, epochs=1, optimizer="adam", lr=0.001)
    starts = []

    class Start(SupervisedPlugin):
        def before_training_epoch(self, strategy, **_):
            starts.append(torch.cat([p.detach().flatten() for p in strategy.model.parameters()]).clone())
            assert not strategy.optimizer.state

    restarted.plugins.append(Start())
    for experience in stream.benchmark.train_stream:
        restarted.train(experience, eval_streams=[])
    assert torch.equal(starts[0], starts[2])


def test_er_ace_replays_after_the_first_experience(tiny, build, seed):
    stream = tiny("class")
    seed()
    strategy = build("er-ace", stream, mem_size=30, batch_size_mem=10, epochs=1)
    sizes = []

    class Look(SupervisedPlugin):
        def before_backward(self, strategy, **_):
            sizes.append(0 if strategy.replay_loader is None else len(strategy.mb_buffer_y))

    strategy.plugins.append(Look())
    for experience in stream.benchmark.train_stream:
        strategy.train(experience, eval_streams=[])
    assert sizes == [0] * 10 + [10] * 20
    assert strategy.replay_loader is None
