"""What MORPH tells of its experts is its own routing."""

from __future__ import annotations

import torch

from morph_cl.bridge.inspection import labelled_batches
from morph_cl.morph.decision import decide


def trained(make_domains, make_strategy, setting="domain"):
    stream = make_domains(setting=setting)
    strategy = make_strategy(stream, epochs=1)
    for experience in stream.benchmark.train_stream:
        strategy.train(experience, eval_streams=[])
    strategy.model.eval()
    return stream, strategy


def test_weights_are_the_routing_of_the_prediction(make_domains, make_strategy):
    stream, strategy = trained(make_domains, make_strategy)
    assert strategy.expert_names == tuple(f"expert {number}" for number in strategy.morph.numbers)
    for batch in labelled_batches(stream, 100):
        weights = strategy.expert_weights(batch.x, batch.task)
        assert weights.shape == (len(batch.x), strategy.expert_count)
        assert torch.allclose(weights.sum(1), torch.ones(len(batch.x)))
        with torch.no_grad():
            assert torch.equal(weights, decide(strategy.morph, batch.x).route.exp())
        assert strategy.assigned_experts(batch.y) is None


def test_told_the_task_it_weighs_within_the_task(make_domains, make_strategy):
    stream, strategy = trained(make_domains, make_strategy, "task")
    batch = next(labelled_batches(stream, 50))
    with torch.no_grad():
        route = decide(strategy.morph, batch.x, strategy.model.allowed(batch.task)).route
    assert torch.equal(strategy.expert_weights(batch.x, batch.task), route.exp())


def test_a_step_goes_to_the_expert_in_training(make_domains, make_strategy):
    _, strategy = trained(make_domains, make_strategy)
    weights = strategy.batch_expert_weights()
    assert weights.sum() == 1
    assert strategy.expert_names[int(weights.argmax())] == f"expert {strategy.morph.active}"
