"""Hearing: whose samples those of a batch are."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from morph_cl.morph.arrival import observe
from morph_cl.morph.frames import identity
from morph_cl.morph.hearing import hear, likely
from morph_cl.morph.model import MorphModel

Knowing = Callable[..., MorphModel]
Ring = Callable[..., tuple[Tensor, Tensor]]
Grow = Callable[..., None]


@pytest.fixture
def kin(make_knowing: Knowing, grow_turned: Grow) -> MorphModel:
    """Expert 0 knows the ring as it is, expert 1, in training, the ring turned by 90 degrees."""
    model = make_knowing()
    grow_turned(model, 90.0)
    assert (model.active, model.pool.kin(1)) == (1, [0, 1])
    return model


def mixed(ring: Ring, known: int, turned: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    (x, y), (turned_x, turned_y) = ring(known, 0.0, seed), ring(turned, 90.0, seed + 1)
    return torch.cat([x, turned_x]), torch.cat([y, turned_y])


def mine_of(model: MorphModel, x: Tensor, y: Tensor) -> Tensor:
    assert model.adapting is not None
    return hear(model, model.adapting, x, y).mine


def test_samples_that_one_of_the_kin_answers_are_not_those_of_the_expert_in_training(
    kin: MorphModel, ring: Ring
) -> None:
    mine = mine_of(kin, *mixed(ring, 6, 4))
    assert mine.tolist() == [False] * 6 + [True] * 4


@settings(max_examples=20)
@given(known=st.integers(0, 12), turned=st.integers(0, 12), seed=st.integers(0, 999))
def test_it_always_has_a_sample(
    make_knowing: Knowing, grow_turned: Grow, ring: Ring, known: int, turned: int, seed: int
) -> None:
    if known + turned == 0:
        return
    model = make_knowing()
    grow_turned(model, 90.0)
    mine = mine_of(model, *mixed(ring, known, turned, seed))
    assert mine.dtype == torch.bool
    assert int(mine.sum()) == max(turned, 1)


def test_samples_that_no_one_answers_are_its_own(kin: MorphModel, ring: Ring) -> None:
    assert bool(mine_of(kin, *ring(10, 200.0)).all())


def test_samples_that_both_answer_are_its_own(kin: MorphModel, ring: Ring) -> None:
    kin.pool.set_frame(1, identity())
    assert bool(mine_of(kin, *ring(10)).all())


def test_an_expert_of_another_family_claims_nothing(make_knowing: Knowing, grow_turned: Grow, ring: Ring) -> None:
    model = make_knowing()
    grow_turned(model, 90.0)
    model.pool.framed_net(1).family.fill_(1)
    assert model.pool.kin(1) == [1]
    assert bool(mine_of(model, *mixed(ring, 6, 4)).all())


def test_what_its_kin_claim_is_not_learned(kin: MorphModel, ring: Ring) -> None:
    kin.concepts.fit_projection(ring(64)[0])
    before = len(kin.memory)
    train = observe(kin, *mixed(ring, 6, 4))
    assert train.tolist() == [False] * 6 + [True] * 4
    assert len(kin.memory) == before + 4
    assert float(kin.concepts.counts[1].sum()) == 4


def test_errors_on_what_its_kin_claim_do_not_count(kin: MorphModel, ring: Ring) -> None:
    assert kin.adapting is not None
    hear(kin, kin.adapting, *mixed(ring, 6, 4))
    assert kin.adapting.effort.fast == 0


def test_likely_experts_come_first_and_none_is_left_out(make_knowing: Knowing, ring: Ring) -> None:
    model = make_knowing(*(["mirrored"] * 5))
    assert model.adapting is not None
    model.adapting.context.shares = {3: 0.7, 0: 0.3}
    assert likely(model, model.adapting) == [3, 0, 5, 4, 2, 1]
