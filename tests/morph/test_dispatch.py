"""Dispatch equals every expert run by itself, whatever the route and the rest of the batch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from morph_cl.morph import precision
from morph_cl.morph.builders import build_mlp
from morph_cl.morph.dispatch import answers
from morph_cl.morph.experts import ExpertPool
from morph_cl.morph.options import MlpExpertOptions

SHAPE, CLASSES, EXPERTS = (1, 4, 4), 3, 5


def make_pool() -> ExpertPool:
    torch.manual_seed(0)
    pool = ExpertPool(lambda: build_mlp(SHAPE, CLASSES, MlpExpertOptions(hidden=(8,))), half=True)
    for _ in range(EXPERTS + 1):
        pool.add(None)
    pool.remove(2)  # numbers are no longer rows
    return pool.eval()


def make_route(batch: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.rand(batch, EXPERTS, generator=generator).topk(2, 1).indices
    return torch.full((batch, EXPERTS), -torch.inf).scatter_(1, chosen, 0.0).log_softmax(1)


@given(st.integers(0, 20), st.integers(0, 2**31))
@torch.no_grad()
def test_it_equals_every_expert_run_by_itself(batch: int, seed: int) -> None:
    pool, route, x = make_pool(), make_route(batch, seed), torch.rand(batch, *SHAPE)
    said = answers(pool, route, x, CLASSES)
    every = torch.stack([pool(number, x) for number in pool.numbers], 1)
    expected = every.masked_fill(~route.isfinite().unsqueeze(2), 0.0)
    torch.testing.assert_close(said, expected, rtol=1e-5, atol=1e-6)


@given(st.integers(2, 20), st.integers(0, 2**31))
@torch.no_grad()
def test_an_answer_does_not_depend_on_the_rest_of_the_batch(batch: int, seed: int) -> None:
    pool, route, x = make_pool(), make_route(batch, seed), torch.rand(batch, *SHAPE)
    whole = answers(pool, route, x, CLASSES)
    order = torch.randperm(batch)
    alone = torch.cat([answers(pool, route[i : i + 1], x[i : i + 1], CLASSES) for i in range(batch)])
    for other in (answers(pool, route[order], x[order], CLASSES)[order.argsort()], alone):
        torch.testing.assert_close(other, whole, rtol=1e-5, atol=1e-6)
        assert torch.equal(other.argmax(2), whole.argmax(2))


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int, torch.dtype]]:
    """The experts that ran, with how many images of which type."""
    ran: list[tuple[int, int, torch.dtype]] = []
    logits = ExpertPool.logits

    def noted(self: Any, number: int, x: Tensor) -> Tensor:
        ran.append((number, len(x), x.dtype))
        return logits(self, number, x)

    monkeypatch.setattr(ExpertPool, "logits", noted)
    return ran


@pytest.mark.usefixtures("exact")
def test_each_expert_runs_once_and_on_its_images_only(ran: list[Any]) -> None:
    pool = make_pool()
    route = torch.full((3, EXPERTS), -torch.inf)
    route[:, 3] = 0.0
    route[1, 0] = 0.0
    answers(pool, route, torch.rand(3, *SHAPE), CLASSES)
    assert ran == [(0, 1, torch.float32), (4, 3, torch.float32)]


@torch.no_grad()
def test_images_come_in_the_type_and_numbers_that_are_multiplied_fast(
    ran: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, x, open_net = make_pool(), torch.rand(1_060, *SHAPE), 3
    pool.open(open_net)
    route = torch.full((len(x), EXPERTS), -torch.inf)
    route[1:, 1] = 0.0
    route[:2, 2] = 0.0  # number 3
    with monkeypatch.context() as patch:
        patch.setattr(precision, "multiplies_bfloat16", lambda: True)
        short = answers(pool, route, x, CLASSES)
    assert ran == [(1, 1_024, torch.bfloat16), (1, 64, torch.bfloat16), (3, 32, torch.float32)]
    monkeypatch.setattr(precision, "multiplies_bfloat16", lambda: False)
    exact = answers(pool, route, x, CLASSES)
    assert short.dtype == torch.float32
    assert not torch.equal(short, exact)
    torch.testing.assert_close(short, exact, rtol=0.02, atol=0.02)


def test_gradients_reach_the_expert_in_training() -> None:
    pool = make_pool()
    pool.open(4)
    answers(pool, torch.zeros(3, EXPERTS), torch.rand(3, *SHAPE), CLASSES)[:, :, 0].sum().backward()
    net: nn.Module = pool.net(4)
    assert all(p.grad is not None and bool(p.grad.any()) for p in net.parameters())
