from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from morph_cl.morph.memory import ReplayMemory


def filled(sizes: list[int], capacity: int) -> ReplayMemory:
    memory = ReplayMemory(capacity, (1, 2, 2), 3, logits=True)
    for number, size in enumerate(sizes):
        memory.add(torch.full((size, 1, 2, 2), number / 255), torch.full((size,), number % 3), number)
    return memory


@given(st.lists(st.integers(0, 40), max_size=6), st.integers(1, 30))
def test_never_more_than_capacity_and_all_while_there_is_room(sizes: list[int], capacity: int) -> None:
    memory = filled(sizes, capacity)
    assert len(memory) == min(sum(sizes), capacity)
    assert memory.seen == sum(sizes)
    # Image, label and owner of a place always belong together.
    assert torch.equal((memory.images(torch.arange(len(memory)))[:, 0, 0, 0] * 255).round().long(), memory.owner.long())
    assert torch.equal(memory.y.long(), memory.owner.long() % 3)


def test_every_sample_has_the_same_chance() -> None:
    torch.manual_seed(0)
    owners = torch.cat([filled([50, 50, 50, 50], 20).owner for _ in range(300)])
    share = torch.bincount(owners.long(), minlength=4) / len(owners)
    assert float((share - 0.25).abs().max()) < 0.03


def test_bytes_in_the_unit_interval_come_back_exactly_and_others_in_half_precision() -> None:
    memory = ReplayMemory(10, (1, 2, 2), 3, logits=False)
    x = torch.randint(0, 256, (10, 1, 2, 2)) / 255.0
    memory.add(x, torch.zeros(10, dtype=torch.int64), 0)
    assert memory.x.dtype == torch.uint8
    assert sorted(memory.images(torch.arange(10)).flatten().tolist()) == sorted(x.flatten().tolist())
    wide = ReplayMemory(10, (1, 2, 2), 3, logits=False)
    wide.add(torch.full((10, 1, 2, 2), -2.5), torch.zeros(10, dtype=torch.int64), 0)
    assert torch.equal(wide.images(torch.arange(10)), torch.full((10, 1, 2, 2), -2.5))


@settings(max_examples=25)
@given(st.integers(1, 60), st.integers(1, 60))
def test_shrinking_keeps_to_the_new_capacity_for_good(size: int, capacity: int) -> None:
    memory = filled([size], 60)
    memory.shrink(capacity)
    memory.add(torch.zeros(80, 1, 2, 2), torch.zeros(80, dtype=torch.int64), 7)
    assert len(memory) == min(capacity, size + 80)


def test_sample_bytes_are_what_a_place_takes() -> None:
    memory = filled([10], 10)
    held = sum(t.numel() * t.element_size() for t in (memory.x, memory.y, memory.owner, memory.logits))
    assert memory.sample_bytes * 10 == held


def test_an_empty_memory_draws_nothing() -> None:
    assert len(ReplayMemory(5, (1, 2, 2), 3, logits=False).draw(8)) == 0
