from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st

from morph_cl.morph.memory import ReplayMemory
from morph_cl.morph.memory.admission import fair_shares
from morph_cl.morph.model import MorphModel


def balanced(capacity: int, classes: int = 4) -> ReplayMemory:
    return ReplayMemory(capacity, (1, 2, 2), classes, logits=False, policy="balanced")


def counts(memory: ReplayMemory) -> list[int]:
    return torch.bincount(memory.y.long(), minlength=memory.classes).tolist()


@given(st.lists(st.integers(0, 50), min_size=1, max_size=8), st.integers(0, 120))
def test_shares_are_equal_where_they_can_be_and_use_all_room(wanted: list[int], capacity: int) -> None:
    share = fair_shares(torch.tensor(wanted), capacity).tolist()
    assert sum(share) == min(sum(wanted), capacity)
    assert all(0 <= got <= want for got, want in zip(share, wanted, strict=True))
    cut = [got for got, want in zip(share, wanted, strict=True) if got < want]
    assert not cut or (max(cut) - min(cut) <= 1 and max(share) <= max(cut) + 1)


@given(
    st.lists(st.tuples(st.lists(st.integers(0, 3), min_size=1, max_size=40), st.integers(0, 30)), max_size=6),
    st.integers(0, 30),
)
def test_capacity_holds_whatever_comes_and_nothing_is_torn(steps: list[tuple[list[int], int]], capacity: int) -> None:
    memory = balanced(capacity)
    for labels, smaller in steps:
        y = torch.tensor(labels)
        memory.add((y / 4.0)[:, None, None, None].expand(-1, 1, 2, 2).contiguous(), y, 0)
        assert len(memory) <= memory.capacity
        memory.shrink(smaller)
        assert len(memory) <= memory.capacity <= capacity
        stored = memory.images(torch.arange(len(memory)))[:, 0, 0, 0]
        torch.testing.assert_close(stored, memory.y.float() / 4.0, atol=0.01, rtol=0)


def test_each_class_gets_an_equal_share_however_rare_it_is() -> None:
    memory = balanced(60)
    y = torch.cat([torch.zeros(900), torch.ones(60), torch.full((30,), 2.0), torch.full((5,), 3.0)]).long()
    for part in y[torch.randperm(len(y))].split(50):
        memory.add(torch.rand(len(part), 1, 2, 2), part, 0)
    shared = counts(memory)
    assert sum(shared) == 60
    assert shared[3] == 5  # it has no more
    assert max(shared[:3]) - min(shared[:3]) <= 1


def test_within_a_class_early_and_late_samples_are_as_likely() -> None:
    early = kept = 0
    for seed in range(300):
        torch.manual_seed(seed)
        memory = balanced(10, classes=2)
        for number in range(10):  # the second class takes half of the room from half way on
            y = (
                torch.zeros(10, dtype=torch.int64)
                if number % 2 == 0 or number < 5
                else torch.ones(10, dtype=torch.int64)
            )
            memory.add(torch.full((10, 1, 2, 2), number / 9.0), y, 0)
        first = memory.images(torch.arange(len(memory)))[:, 0, 0, 0][memory.y == 0]
        early += int((first < 0.3).sum())  # 30 of the 70 samples of the first class
        kept += len(first)
    assert abs(early / kept - 30 / 70) < 0.04


def test_a_loaded_memory_goes_on_alike() -> None:
    torch.manual_seed(0)
    memory, other = balanced(12), balanced(12)
    memory.add(torch.rand(80, 1, 2, 2), torch.randint(0, 4, (80,)), 0)
    other.load(memory.export())
    x, y = torch.rand(40, 1, 2, 2), torch.randint(0, 4, (40,))
    for each in (memory, other):
        torch.manual_seed(1)
        each.add(x, y, 1)
    assert all(torch.equal(getattr(memory, name), getattr(other, name)) for name in (*memory.fields, "limit"))


def test_the_model_learns_with_it(make_model: Callable[..., MorphModel], make_samples: Callable[..., Any]) -> None:
    model = make_model(memory_policy="balanced", priority="mixed", memory=30)
    optimizer = model.make_optimizer()
    x, y = make_samples(900, 0, 0)
    keep = (y != 2) | (torch.arange(900) % 10 == 0)
    for batch in zip(x[keep].split(32), y[keep].split(32), strict=True):
        model.train_step(batch, optimizer)
    assert counts(model.memory) == [10, 10, 10]
    assert model.evaluate([make_samples(100, 0, 1)])["accuracy"] > 0.8
