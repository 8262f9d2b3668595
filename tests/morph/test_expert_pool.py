"""Frozen experts rest in half precision and answer in single precision, as they are now and where the pool lies."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from morph_cl.morph import experts
from morph_cl.morph.experts import ExpertPool

X = torch.rand(5, 1, 2, 2, generator=torch.Generator().manual_seed(0))


pytestmark = pytest.mark.usefixtures("exact")


@pytest.fixture
def pool() -> ExpertPool:
    """Two experts, the second one in training."""
    torch.manual_seed(0)
    pool = ExpertPool(lambda: nn.Sequential(nn.Flatten(), nn.Linear(4, 3)), half=True)
    pool.add(None)
    pool.open(pool.add(None))
    return pool


def expected(pool: ExpertPool, number: int) -> torch.Tensor:
    linear = pool.net(number)[1]
    logits = nn.functional.linear(X.flatten(1), linear.weight.float(), linear.bias.float())
    return logits.log_softmax(1)


@torch.no_grad()
def test_a_frozen_expert_answers_in_single_precision_with_the_weights_that_it_has(pool: ExpertPool) -> None:
    assert pool.net(0)[1].weight.dtype == torch.float16
    torch.testing.assert_close(pool(0, X), expected(pool, 0))
    pool.open(0)
    pool.net(0)[1].weight.add_(1.0)
    pool.freeze(0)
    torch.testing.assert_close(pool(0, X), expected(pool, 0))
    pool.replace(0, pool._fresh().half().requires_grad_(False))
    torch.testing.assert_close(pool(0, X), expected(pool, 0))
    pool.restore([1, 0], {1: pool.net(1), 0: pool._fresh().half().requires_grad_(False)})
    torch.testing.assert_close(pool(0, X), expected(pool, 0))


@torch.no_grad()
def test_it_is_copied_once_although_training_and_prediction_take_turns(
    pool: ExpertPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    copied = experts.copy.deepcopy
    monkeypatch.setattr(experts.copy, "deepcopy", lambda *given: made.append(1) or copied(*given))
    for _ in range(3):
        pool.train()
        pool.eval()
        pool(0, X)
    assert len(made) == 1


def test_new_experts_and_copies_lie_where_the_pool_lies(pool: ExpertPool) -> None:
    pool(0, X)
    pool.to("meta")  # stands for a device that is not the CPU
    for number in (pool.add(None), pool.add(1), 0):
        assert {tensor.device.type for tensor in pool.net(number).parameters()} == {"meta"}
        assert pool(number, X.to("meta")).device.type == "meta"


@torch.no_grad()
def test_copies_outlive_a_move_to_where_they_are_and_nothing_else(pool: ExpertPool) -> None:
    pool(0, X)
    working = pool.runner.copies[0]
    assert pool.to("cpu").runner.copies[0] is working
    assert not pool.double().runner.copies
    assert pool(0, X.double()).dtype == torch.float64


@torch.no_grad()
def test_loaded_weights_answer(pool: ExpertPool) -> None:
    other = copy.deepcopy(pool)
    other.net(0)[1].weight.add_(1.0)
    pool(0, X)
    pool.load_state_dict(other.state_dict())
    torch.testing.assert_close(pool(0, X), expected(other, 0))


@pytest.mark.parametrize("mode", [True, False])
def test_only_the_expert_in_training_follows_the_mode(pool: ExpertPool, mode: bool) -> None:
    pool.train(not mode)
    pool.train(mode)
    assert pool.training is mode
    assert all(part.training is mode for part in pool.net(1).modules())
    assert not any(part.training for part in pool.net(0).modules())
    pool.freeze(1)
    pool.train(mode)
    assert not any(part.training for part in pool.net(1).modules())
