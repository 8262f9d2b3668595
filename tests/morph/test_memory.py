from __future__ import annotations

from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from morph_cl.morph.experts import tensor_bytes
from morph_cl.morph.memory import ReplayMemory
from morph_cl.morph.memory.packing import Packing
from morph_cl.morph.options import MorphOptions

BITS = get_args(MorphOptions.model_fields["memory_bits"].annotation)


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


def test_an_empty_memory_draws_nothing() -> None:
    assert len(ReplayMemory(5, (1, 2, 2), 3, logits=False).draw(8)) == 0


@given(st.sampled_from(BITS), st.integers(0, 5), st.integers(1, 3), st.integers(1, 5), st.integers(0, 99))
def test_a_packed_pixel_comes_back_within_half_a_level(bits: int, size: int, c: int, w: int, seed: int) -> None:
    packing = Packing(bits, (c, 3, w))  # odd counts of pixels leave the last byte part empty
    x = torch.rand(size, c, 3, w, generator=torch.Generator().manual_seed(seed))
    packed = packing.pack(x)
    assert packed.shape == (size, -(-c * 3 * w * bits // 8))
    assert packed.dtype == torch.uint8
    back = packing.unpack(packed)
    assert back.shape == x.shape
    assert torch.all((back - x).abs() <= 0.5 / (2**bits - 1) + 1e-6)
    assert torch.equal(packing.unpack(packing.pack(back)), back), "levels are fixed points"


@given(st.sampled_from(BITS), st.lists(st.tuples(st.booleans(), st.integers(0, 60)), max_size=8))
def test_capacity_and_bytes_hold_under_any_adds_and_shrinks(bits: int, acts: list[tuple[bool, int]]) -> None:
    memory = ReplayMemory(50, (1, 3, 3), 3, logits=True, bits=bits)
    for adds, size in acts:
        if adds:
            memory.add(torch.rand(size, 1, 3, 3), torch.randint(0, 3, (size,)), 0)
        else:
            memory.shrink(size)
        tensors = list(memory.buffers())
        assert len(memory) <= memory.capacity <= 50
        assert sum(t.numel() * t.element_size() for t in tensors) == memory.sample_bytes * len(memory)
        allocated = sum(t.untyped_storage().nbytes() for t in tensors)
        assert allocated <= memory.sample_bytes * memory.capacity, "room ahead never exceeds the capacity"
    assert memory.sample_bytes == -(-9 * bits // 8) + 1 + 2 + 3 * 2


def test_the_bytes_counted_are_those_allocated_while_it_fills() -> None:
    memory = ReplayMemory(2_000, (1, 3, 3), 3, logits=False, bits=2)
    for _ in range(20):
        memory.add(torch.rand(128, 1, 3, 3), torch.zeros(128, dtype=torch.int64), 0)
        allocated = sum(buffer.untyped_storage().nbytes() for buffer in memory.buffers())
        assert allocated == tensor_bytes(memory) == len(memory) * memory.sample_bytes


def test_images_beyond_the_unit_interval_turn_the_store_to_half_precision_whenever_they_come() -> None:
    memory = ReplayMemory(20, (1, 2, 2), 3, logits=False, bits=2)
    memory.add(torch.ones(5, 1, 2, 2), torch.zeros(5, dtype=torch.int64), 0)
    packed = memory.sample_bytes
    memory.add(torch.full((5, 1, 2, 2), 3.5), torch.ones(5, dtype=torch.int64), 1)
    assert torch.equal(memory.images(torch.arange(10))[:, 0, 0, 0], torch.tensor([1.0] * 5 + [3.5] * 5))
    assert memory.sample_bytes == packed - 1 + 4 * 2
    # Rounding of an interpolation is no reason.
    near = ReplayMemory(20, (1, 2, 2), 3, logits=False, bits=2)
    near.add(torch.full((5, 1, 2, 2), 1 + 1e-6), torch.zeros(5, dtype=torch.int64), 0)
    assert torch.equal(near.images(torch.arange(5)), torch.ones(5, 1, 2, 2))


@pytest.mark.parametrize(("classes", "dtype"), [(256, torch.uint8), (257, torch.int16)])
def test_labels_take_one_byte_where_they_fit(classes: int, dtype: torch.dtype) -> None:
    memory = ReplayMemory(4, (1, 2, 2), classes, logits=False)
    memory.add(torch.zeros(1, 1, 2, 2), torch.tensor([classes - 1]), 0)
    assert memory.y.dtype == dtype
    assert memory.y.tolist() == [classes - 1]


def test_a_shrunk_memory_is_a_uniform_sample() -> None:
    torch.manual_seed(0)
    owners = []
    for _ in range(300):
        memory = filled([10, 10, 10, 10], 40)
        memory.shrink(10)
        owners.append(memory.owner)
    share = torch.bincount(torch.cat(owners).long(), minlength=4) / 3_000
    assert float((share - 0.25).abs().max()) < 0.03
