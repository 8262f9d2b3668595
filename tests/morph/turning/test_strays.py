"""Strays: the samples that no expert answers, remembered for a while."""

from __future__ import annotations

from collections.abc import Callable

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from morph_cl.morph.model import MorphModel
from morph_cl.morph.strays import Strays

Knowing = Callable[..., MorphModel]
Ring = Callable[..., tuple[Tensor, Tensor]]


def hear(strays: Strays, lost: int, size: int, start: int = 0) -> bool:
    """A batch whose first samples no expert answers; each sample bears its number as class and pixel."""
    losses = torch.where(torch.arange(size) < lost, 3.0, 0.1)
    y = torch.arange(start, start + size)
    return strays.hear(losses, y.float().view(-1, 1, 1, 1), y)


def numbers(strays: Strays) -> list[int]:
    return [int(y) for _, _, y in strays.kept]


@given(st.integers(0, 12), st.integers(1, 12))
def test_three_of_a_batch_count_at_the_most_and_no_sample_that_is_answered(lost: int, size: int) -> None:
    strays = Strays()
    hear(strays, lost, size)
    assert numbers(strays) == list(range(min(lost, size, 3)))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 50)), max_size=60))
def test_strays_are_forgotten_400_samples_later(batches: list[tuple[int, int]]) -> None:
    strays, seen, heard = Strays(), 0, []
    for lost, size in batches:
        hear(strays, lost, size, seen)
        seen += size
        heard += [(seen, seen - size + row) for row in range(min(lost, size))]
    assert numbers(strays) == [number for at, number in heard if at > seen - 400]
    assert strays.seen == seen


def test_they_are_looked_at_when_there_are_twenty_and_a_new_one() -> None:
    strays = Strays()
    said = [hear(strays, 2, 10, 10 * batch) for batch in range(10)]
    assert said == [False] * 9 + [True]
    assert not hear(strays, 0, 10)
    assert hear(strays, 1, 10)


def test_the_heaps_take_turns() -> None:
    strays = Strays()
    for batch in range(8):
        hear(strays, 3, 3, 3 * batch)
    (x, y), (other_x, other_y) = strays.halves()
    assert y.tolist() == list(range(0, 24, 2))
    assert other_y.tolist() == list(range(1, 24, 2))
    assert torch.equal(x.flatten().long(), y)
    assert torch.equal(other_x.flatten().long(), other_y)


def test_strays_go_on_from_their_state() -> None:
    first, second = Strays(), Strays()
    for batch in range(9):
        hear(first, 3, 20, 20 * batch)
    second.load(first.export())
    for each in (first, second):
        assert hear(each, 3, 250, 180)
    assert numbers(first) == numbers(second)
    assert first.seen == second.seen == 430
    assert all(torch.equal(x, other) for (_, x, _), (_, other, _) in zip(first.kept, second.kept, strict=True))


def test_cleared_strays_count_no_longer() -> None:
    strays = Strays()
    for batch in range(6):
        hear(strays, 3, 10, 10 * batch)
    strays.clear()
    assert not hear(strays, 3, 10)
    assert len(strays.kept) == 3


def test_single_samples_of_a_turned_world_grow_an_expert(make_knowing: Knowing, ring: Ring) -> None:
    model = make_knowing(replay=0, patience=1_000)  # growth for novel batches is left out
    optimizer = model.make_optimizer()
    for batch in range(40):
        (x, y), (turned, turned_y) = ring(8, 0.0, batch), ring(2, 90.0 if batch >= 10 else 0.0, 100 + batch)
        model.train_step((torch.cat([x, turned]), torch.cat([y, turned_y])), optimizer)
        growths = [event for event in model.pending if event.kind == "growth"]
        if growths:
            break
        assert model.numbers == [0]
    assert batch < 25
    assert growths[0].detail["turn"] == 90.0
    assert model.pool.kin(1) == [0, 1]


def test_single_samples_with_wrong_labels_grow_nothing(make_knowing: Knowing, ring: Ring) -> None:
    model = make_knowing(replay=0, patience=1_000)  # growth for novel batches is left out
    optimizer = model.make_optimizer()
    generator = torch.Generator().manual_seed(0)
    for batch in range(40):
        x, y = ring(10, 0.0, batch)
        if batch >= 10:
            y[:2] = (y[:2] + torch.randint(1, 8, (2,), generator=generator)) % 8
        model.train_step((x, y), optimizer)
    assert model.adapting is not None
    assert len(model.adapting.strays.kept) > 40
    assert model.numbers == [0]
