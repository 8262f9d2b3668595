"""The reservoir: never too large, equal to the sequential algorithm, uniform over the stream."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from morph_cl_plugins.baselines.der_memory import DarkBatch, DarkMemory, reservoir_slots


def _numbered(start: int, count: int) -> DarkBatch:
    """Samples that carry their number as label."""
    number = torch.arange(start, start + count)
    images = (number % 256).float().div(255).reshape(-1, 1, 1, 1)
    return DarkBatch(images, number, number.float().unsqueeze(1), number)


@settings(max_examples=60, deadline=None)
@given(capacity=st.integers(1, 20), sizes=st.lists(st.integers(1, 30), max_size=12), seed=st.integers(0, 999))
def test_equals_reservoir_sampling_one_by_one(capacity, sizes, seed):
    memory = DarkMemory(capacity, (1, 1, 1), 1, "uint8")
    torch.manual_seed(seed)
    for size in sizes:
        memory.insert(_numbered(memory.seen, size))
    torch.manual_seed(seed)
    slots: list[int] = []
    seen = 0
    for size in sizes:
        for draw in torch.rand(size, dtype=torch.float64).tolist():
            if len(slots) < capacity:
                slots.append(seen)
            elif int(draw * (seen + 1)) < capacity:
                slots[int(draw * (seen + 1))] = seen
            seen += 1
    assert len(memory) == len(slots) == min(capacity, sum(sizes))
    assert memory.memory_labels[: len(memory)].tolist() == slots
    kept = memory.memory_labels[: len(memory)]
    assert torch.equal(memory.memory_tasks[: len(memory)], kept)
    assert torch.equal(memory.memory_logits[: len(memory), 0], kept.float())
    assert torch.equal(memory.memory_images[: len(memory)].flatten().long(), kept.long() % 256)


@settings(max_examples=40, deadline=None)
@given(seen=st.integers(0, 10**9), count=st.integers(1, 200), capacity=st.integers(1, 500))
def test_slots_lie_within_the_memory(seen, count, capacity):
    slots = reservoir_slots(seen, count, capacity)
    assert slots.shape == (count,)
    assert int(slots.max()) < capacity
    assert int(slots.min()) >= -1
    room = max(0, min(count, capacity - seen))
    assert slots[:room].tolist() == list(range(seen, seen + room))


def test_every_sample_of_the_stream_is_equally_likely_to_stay():
    torch.manual_seed(0)
    trials, length, capacity = 1_000, 50, 10
    counts = torch.zeros(length)
    for _ in range(trials):
        memory = DarkMemory(capacity, (1, 1, 1), 1, "uint8")
        for start in range(0, length, 8):
            memory.insert(_numbered(start, min(8, length - start)))
        counts[memory.memory_labels.long()] += 1
    expected = trials * capacity / length
    chi_square = float(((counts - expected) ** 2 / expected).sum())
    # Inclusions of one trial are negatively dependent, so the statistic lies below chi-square with 49 degrees.
    assert chi_square < 75  # the 99th percentile


@settings(max_examples=30, deadline=None)
@given(stored=st.integers(1, 40), asked=st.integers(1, 60))
def test_draws_without_replacement(stored, asked):
    memory = DarkMemory(40, (1, 1, 1), 1, "float32")
    memory.insert(_numbered(0, stored))
    labels = memory.sample(asked).labels.tolist()
    assert len(labels) == len(set(labels)) == min(stored, asked)


@pytest.mark.parametrize("images", ["uint8", "float32"])
def test_images_beyond_the_unit_interval_take_floats(images):
    memory = DarkMemory(5, (1, 1, 1), 1, images)
    memory.insert(_numbered(0, 2)._replace(images=torch.tensor([0.2, 1.0]).reshape(2, 1, 1, 1)))
    assert memory.memory_images.dtype == getattr(torch, images)
    memory.insert(_numbered(2, 2)._replace(images=torch.tensor([-1.0, 2.5]).reshape(2, 1, 1, 1)))
    torch.testing.assert_close(memory.memory_images.flatten(), torch.tensor([0.2, 1.0, -1.0, 2.5, 0.0]))
    batch = memory.sample(4)
    assert sorted(batch.images.flatten().tolist()) == pytest.approx([-1.0, 0.2, 1.0, 2.5])


def test_labels_and_logits_are_stored_compactly():
    compact = DarkMemory(4, (1, 2, 2), 10, "uint8", "float16")
    stored = [compact.memory_images, compact.memory_labels, compact.memory_logits, compact.memory_tasks]
    assert sum(column.nbytes for column in stored) == 4 * (4 + 2 + 20 + 2)
    logits = torch.randn(3, 10)
    compact.insert(DarkBatch(torch.ones(3, 1, 2, 2), torch.tensor([7, 8, 9]), logits, torch.tensor([1, 2, 3])))
    batch = compact.sample(3)
    order = batch.labels - 7
    assert [column.dtype for column in batch] == [torch.float32, torch.int64, torch.float32, torch.int64]
    assert torch.equal(batch.tasks, order + 1)
    torch.testing.assert_close(batch.logits, logits[order], rtol=1e-3, atol=1e-4)


def test_logits_stay_float32_unless_asked():
    assert DarkMemory(4, (1, 2, 2), 10, "uint8").memory_logits.dtype == torch.float32
