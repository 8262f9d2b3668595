"""DER's loss, its insertion and the weight average, against loops written by hand."""

from __future__ import annotations

import copy

import pytest
import torch
from avalanche.core import SupervisedPlugin
from morph_cl_plugins.baselines.der_memory import DarkBatch
from torch.nn import functional


class _Script(SupervisedPlugin):
    """Notes each step's stream batch and its replayed batches."""

    def __init__(self, replay):
        super().__init__()
        self.steps = []
        original = replay.sample

        def sample(size):
            batch = original(size)
            self.steps[-1][1].append(batch)
            return batch

        replay.sample = sample

    def before_forward(self, strategy, **_):
        self.steps.append(([column.clone() for column in strategy.mbatch], []))


@pytest.mark.parametrize(("alpha", "beta", "draws"), [(0.7, 0.0, 1), (0.7, 0.4, 2), (0.0, 0.4, 1)])
@pytest.mark.parametrize("setting", ["domain", "task"])
def test_trains_as_the_papers_loop_does(alpha, beta, draws, setting, tiny, build, seed):
    stream = tiny(setting)
    seed()
    strategy = build("der", stream, alpha=alpha, beta=beta, mem_size=40, batch_size_mem=16, epochs=1)
    script = _Script(strategy.plugins[0])
    strategy.plugins.append(script)
    model = copy.deepcopy(strategy.model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for experience in stream.benchmark.train_stream:
        strategy.train(experience, eval_streams=[])
        if setting == "task":
            model.adaptation(experience)
        call = model if setting == "task" else (lambda x, _: model(x))
        for (x, y, task), replayed in script.steps:
            loss = functional.cross_entropy(call(x, task), y)
            assert len(replayed) in (0, draws)
            batches = iter(replayed)
            if replayed and alpha:
                batch = next(batches)
                loss = loss + alpha * functional.mse_loss(call(batch.images, batch.tasks), batch.logits)
            if replayed and beta:
                batch = next(batches)
                loss = loss + beta * functional.cross_entropy(call(batch.images, batch.tasks), batch.labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        script.steps.clear()
    for ours, theirs in zip(strategy.model.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_stores_the_logits_of_the_step_that_saw_the_image(tiny, build, seed):
    stream = tiny("domain")
    seed()
    strategy = build("der", stream, mem_size=24, epochs=1)
    initial = copy.deepcopy(strategy.model)
    memory = strategy.plugins[0]
    seen = []

    class First(SupervisedPlugin):
        def after_training_iteration(self, strategy, **_):
            if not seen:
                seen.append((strategy.mb_x.clone(), memory.memory_images.clone(), memory.memory_logits.clone()))

    strategy.plugins.append(First())
    strategy.train(next(iter(stream.benchmark.train_stream)), eval_streams=[])
    images, stored, logits = seen[0]
    torch.testing.assert_close(stored.float() / 255, images)  # the first 24 fill the memory in order
    torch.testing.assert_close(logits, initial(images).detach())


def test_whole_images_survive_uint8(tiny, train):
    stream = tiny("domain")
    compact = train("der", stream, images="uint8", mem_size=30)
    exact = train("der", stream, images="float32", mem_size=30)
    for ours, theirs in zip(compact.model.parameters(), exact.model.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)
    assert compact.plugins[0].memory_images.nbytes * 4 == exact.plugins[0].memory_images.nbytes


def test_average_is_used_at_evaluation_and_only_there(tiny, train, weights):
    stream = tiny("domain")
    plain = train("der", stream, mem_size=30)
    averaged = train("der", stream, mem_size=30, ema=0.99)
    assert torch.equal(weights(plain), weights(averaged))
    during = []

    class Look(SupervisedPlugin):
        def before_eval_iteration(self, strategy, **_):
            during.append(weights(strategy))

    averaged.plugins.append(Look())
    average = torch.cat([value.flatten() for value in averaged.plugins[1].average.values()])
    averaged.eval(stream.benchmark.test_stream)
    assert all(torch.equal(look, average) for look in during)
    assert not torch.equal(average, weights(averaged))
    assert torch.equal(weights(plain), weights(averaged))


def test_average_follows_its_formula(tiny, build, seed):
    stream = tiny("domain")
    seed()
    strategy = build("der", stream, ema=0.5, epochs=1)
    history = []

    class Trace(SupervisedPlugin):
        def after_update(self, strategy, **_):
            history.append([p.detach().clone() for p in strategy.model.parameters()])

    strategy.plugins.append(Trace())
    strategy.train(next(iter(stream.benchmark.train_stream)), eval_streams=[])
    expected = history[0]
    for step, weights_now in enumerate(history[1:], start=2):
        decay = min(0.5, (1 + step) / (10 + step))
        expected = [decay * old + (1 - decay) * new for old, new in zip(expected, weights_now, strict=True)]
    for ours, theirs in zip(strategy.plugins[1].average.values(), expected, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_replay_of_absent_memory_adds_nothing(tiny, build):
    memory = build("der", tiny("domain"), mem_size=8).plugins[0]
    assert len(memory) == 0
    image = torch.zeros(3, 1, 8, 8)
    memory.insert(DarkBatch(image, torch.zeros(3).long(), torch.zeros(3, 6), torch.zeros(3).long()))
    assert len(memory.sample(128).labels) == 3
