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
from morph_cl.morph.mixture import Choice
from morph_cl.morph.options import MlpExpertOptions

SHAPE, CLASSES, EXPERTS = (1, 4, 4), 3, 5


def make_pool() -> ExpertPool:
    torch.manual_seed(0)
    pool = ExpertPool(lambda: build_mlp(SHAPE, CLASSES, MlpExpertOptions(hidden=(8,))), half=True)
    for _ in range(EXPERTS + 1):
        pool.add(None)
    pool.remove(2)  # numbers are no longer rows
    return pool.eval()


def make_choice(batch: int, seed: int) -> Choice:
    """Two experts an image, of which one of a few does not matter."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.rand(batch, EXPERTS, generator=generator).topk(2, 1).indices
    chosen = torch.rand(batch, 2, generator=generator)
    chosen[chosen[:, 1] < 0.3, 1] = -torch.inf
    return Choice(chosen.log_softmax(1), rows, EXPERTS)


def part(choice: Choice, rows: Tensor | slice) -> Choice:
    return Choice(choice.chosen[rows], choice.rows[rows], choice.experts)


@given(st.integers(0, 20), st.integers(0, 2**31))
@torch.no_grad()
def test_it_equals_every_expert_run_by_itself(batch: int, seed: int) -> None:
    pool, choice, x = make_pool(), make_choice(batch, seed), torch.rand(batch, *SHAPE)
    said = answers(pool, choice, x, CLASSES)
    every = torch.stack([pool(number, x) for number in pool.numbers], 1)
    expected = choice.of(every).masked_fill(~choice.chosen.isfinite().unsqueeze(2), 0.0)
    torch.testing.assert_close(said, expected, rtol=1e-5, atol=1e-6)


@given(st.integers(2, 20), st.integers(0, 2**31))
@torch.no_grad()
def test_an_answer_does_not_depend_on_the_rest_of_the_batch(batch: int, seed: int) -> None:
    pool, choice, x = make_pool(), make_choice(batch, seed), torch.rand(batch, *SHAPE)
    whole = answers(pool, choice, x, CLASSES)
    order = torch.randperm(batch)
    ones = [slice(i, i + 1) for i in range(batch)]
    alone = torch.cat([answers(pool, part(choice, one), x[one], CLASSES) for one in ones])
    for other in (answers(pool, part(choice, order), x[order], CLASSES)[order.argsort()], alone):
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
    rows, chosen = torch.tensor([[3, 0], [0, 3], [3, 0]]), torch.zeros(3, 2)
    chosen[[0, 2], 1] = -torch.inf
    answers(pool, Choice(chosen, rows, EXPERTS), torch.rand(3, *SHAPE), CLASSES)
    assert ran == [(0, 1, torch.float32), (4, 3, torch.float32)]


@torch.no_grad()
def test_images_come_in_the_type_and_numbers_that_are_multiplied_fast(
    ran: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, x, open_net = make_pool(), torch.rand(1_060, *SHAPE), 3
    pool.open(open_net)
    chosen = torch.zeros(len(x), 2)
    chosen[0, 0] = chosen[2:, 1] = -torch.inf
    choice = Choice(chosen, torch.tensor([[1, 2]]).expand(len(x), 2), EXPERTS)  # row 2 is number 3
    with monkeypatch.context() as patch:
        patch.setattr(precision, "multiplies_bfloat16", lambda: True)
        short = answers(pool, choice, x, CLASSES)
    assert ran == [(1, 1_024, torch.bfloat16), (1, 64, torch.bfloat16), (3, 32, torch.float32)]
    monkeypatch.setattr(precision, "multiplies_bfloat16", lambda: False)
    exact = answers(pool, choice, x, CLASSES)
    assert short.dtype == torch.float32
    assert not torch.equal(short, exact)
    torch.testing.assert_close(short, exact, rtol=0.02, atol=0.02)


def test_gradients_reach_the_expert_in_training() -> None:
    pool = make_pool()
    pool.open(4)
    everyone = Choice(torch.zeros(3, EXPERTS), torch.arange(EXPERTS).expand(3, -1), EXPERTS)
    answers(pool, everyone, torch.rand(3, *SHAPE), CLASSES)[:, :, 0].sum().backward()
    net: nn.Module = pool.net(4)
    assert all(p.grad is not None and bool(p.grad.any()) for p in net.parameters())
