"""Mixed precision: near float32, its scale in checkpoints, overflowing steps left out."""

from __future__ import annotations

import pytest
import torch
from avalanche.training.templates import SupervisedTemplate
from torch import nn

from morph_cl import TensorStrategy
from morph_cl.bridge.precision import use_mixed_precision
from morph_cl.bridge.state import encode_strategy, restore_strategy


class Plain(TensorStrategy, SupervisedTemplate):
    pass


def built(stream, kind=None, model=None):
    torch.manual_seed(0)
    model = model or nn.Sequential(nn.Flatten(), nn.Linear(torch.Size(stream.input_shape).numel(), stream.classes))
    strategy = Plain(
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        criterion=nn.CrossEntropyLoss(),
        train_mb_size=16,
        train_epochs=1,
        eval_mb_size=30,
        evaluator=None,
    )
    if kind:
        use_mixed_precision(strategy, kind)
    return strategy


def weights(strategy):
    return torch.cat([p.detach().flatten() for p in strategy.model.parameters()])


@pytest.mark.parametrize("kind", ["bf16", "fp16"])
def test_training_stays_near_float32_and_weights_are_float32(make_flipped, kind):
    stream = make_flipped()
    trained = []
    for strategy in (built(stream), built(stream, kind)):
        torch.manual_seed(1)
        strategy.train(stream.benchmark.train_stream[0], eval_streams=[])
        trained.append(weights(strategy))
    assert trained[1].dtype == torch.float32
    assert not torch.equal(*trained), "nothing was computed in 16 bits"
    assert float((trained[0] - trained[1]).abs().max()) < 0.02


def test_plugins_read_float32_outputs_of_the_model_in_16_bits(make_flipped):
    stream = make_flipped()
    seen = []

    class Spy(nn.Linear):
        def forward(self, x):
            output = super().forward(x)
            seen.append(output.dtype)
            return output

    model = nn.Sequential(nn.Flatten(), Spy(torch.Size(stream.input_shape).numel(), stream.classes))
    strategy = built(stream, "bf16", model)
    strategy.train(stream.benchmark.train_stream[0], eval_streams=[])
    assert set(seen) == {torch.bfloat16}
    assert strategy.mb_output is None or strategy.mb_output.dtype == torch.float32


def test_the_scale_of_the_loss_is_in_checkpoints(make_flipped):
    stream = make_flipped()
    strategy = built(stream, "fp16")
    strategy.loss_scale = {**strategy.loss_scale, "scale": 1024.0}
    strategy.train(stream.benchmark.train_stream[0], eval_streams=[])
    state = encode_strategy(strategy)
    again = built(stream, "fp16")
    restore_strategy(again, state, stream)
    assert again.loss_scale == strategy.loss_scale
    assert torch.equal(weights(again), weights(strategy))
    assert state["class"] == encode_strategy(built(stream))["class"], "the class stays the strategy's own"


def test_a_step_that_overflows_is_left_out_and_the_scale_falls(make_flipped):
    stream = make_flipped()
    strategy = built(stream, "fp16")
    before = strategy.loss_scale["scale"]
    strategy.loss = strategy.model(torch.rand(2, *stream.input_shape)).sum() * torch.tensor(torch.inf)
    kept = weights(strategy)
    strategy.backward()
    strategy.optimizer_step()
    assert torch.equal(weights(strategy), kept)
    assert strategy.loss_scale["scale"] == before / 2
