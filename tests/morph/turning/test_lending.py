"""A new expert beside the one that lends to it: it stays in training and in the pool while its samples come."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from morph_cl.morph.arrival import observe
from morph_cl.morph.lending import lenders
from morph_cl.morph.model import MorphModel
from morph_cl.morph.sleep.pruning import count_dormant

Knowing = Callable[..., MorphModel]
Ring = Callable[..., tuple[Tensor, Tensor]]
Grow = Callable[..., None]


@pytest.fixture
def beside(make_knowing: Knowing, grow_turned: Grow, ring: Ring) -> MorphModel:
    """Expert 0 has met a window of the ring; expert 1, new and in training, knows it turned by 90 degrees."""
    model = make_knowing(window=64)
    for seed in range(4):
        observe(model, *ring(20, 0.0, seed))
    grow_turned(model, 90.0)
    assert (model.active, lenders(model)) == (1, {1: 0})
    return model


def mix(ring: Ring, known: int, turned: int, seed: int) -> tuple[Tensor, Tensor]:
    (x, y), (turned_x, turned_y) = ring(known, 0.0, seed), ring(turned, 90.0, seed + 100)
    return torch.cat([x, turned_x]), torch.cat([y, turned_y])


def test_the_new_expert_is_trained_while_its_samples_come_rarely(beside: MorphModel, ring: Ring) -> None:
    for seed in range(6):
        train = observe(beside, *mix(ring, 8, 2, seed))
        assert beside.active == 1
        assert train.tolist() == [False] * 8 + [True] * 2
    assert beside.adapting is not None
    assert beside.adapting.context.leaders(1) == [0]
    assert float(beside.concepts.counts[1].sum()) == 12


def test_its_lender_takes_over_where_they_come_no_more(beside: MorphModel, ring: Ring) -> None:
    for seed in range(12):
        observe(beside, *ring(10, 0.0, seed))
    assert beside.active == 0
    assert [event.kind for event in beside.pending][-1] == "reuse"


@pytest.mark.parametrize(("share", "sleeps"), [(0.1, 0), (0.01, 1)])
def test_an_expert_in_demand_is_not_dormant(beside: MorphModel, share: float, sleeps: int) -> None:
    assert beside.adapting is not None
    beside.adapting.context.shares = {0: share, 1: 1 - share}
    count_dormant(beside, torch.tensor([[0.0, 1.0]]))
    assert beside.dormant == {0: sleeps, 1: 0}


def test_the_new_expert_stays_in_training_beside_kin_that_do_not_lend(
    beside: MorphModel, grow_turned: Grow, ring: Ring
) -> None:
    for seed in range(4):
        observe(beside, *ring(18, 90.0, seed))
    grow_turned(beside, 180.0)
    assert (beside.active, lenders(beside)) == (2, {2: 0})
    for seed in range(6):
        (x, y), (turned_x, turned_y) = ring(8, 90.0, seed), ring(2, 180.0, seed + 100)
        observe(beside, torch.cat([x, turned_x]), torch.cat([y, turned_y]))
    assert beside.adapting is not None
    assert beside.adapting.context.leaders(1) == [1]
    assert beside.active == 2


def test_strays_that_there_is_no_room_for_are_refused_once(make_knowing: Knowing, ring: Ring) -> None:
    model = make_knowing(window=64, max_experts=1)
    for seed in range(4):
        observe(model, *ring(20, 0.0, seed))
    for seed in range(12):
        observe(model, *mix(ring, 7, 3, seed))
    assert [event.kind for event in model.pending if event.kind == "growth-refused"] == ["growth-refused"]
