"""Experts behind frames: in the pool, in the model's state, and where there are none."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import morph_cl
from morph_cl.morph.experts import ExpertPool, averaged
from morph_cl.morph.frames import Framed, identity, turns
from morph_cl.morph.model import MorphModel
from morph_cl.morph.sleep.alignment import aligned

Knowing = Callable[..., MorphModel]
Ring = Callable[..., tuple[Tensor, Tensor]]
Grow = Callable[..., None]

QUARTER, EIGHTH = turns(identity(), 4)[1], turns(identity(), 8)[1]


def linear() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(144, 8), nn.ReLU(), nn.Linear(8, 8))


def pool_of(count: int, **settings: Any) -> ExpertPool:
    torch.manual_seed(0)
    pool = ExpertPool(linear, **{"half": False, "decay": 0.9, "framed": True, **settings})
    for _ in range(count):
        pool.add(None)
    return pool


def holds_frames(model: MorphModel) -> bool:
    return any(name.rsplit(".", 1)[-1] == "frame" for name, _ in model.named_buffers())


# --- the pool ----------------------------------------------------------------------------------------------------


def test_fresh_experts_see_images_as_they_are_and_have_no_kin() -> None:
    pool = pool_of(3)
    assert all(torch.equal(pool.frame(number), identity()) for number in pool.numbers)
    assert [pool.kin(number) for number in pool.numbers] == [[0], [1], [2]]


def test_a_clone_keeps_the_frame_and_begins_a_family() -> None:
    pool = pool_of(1)
    pool.set_frame(0, QUARTER)
    child = pool.add(0)
    assert torch.equal(pool.frame(child), QUARTER)
    assert pool.kin(child) == [child]
    pool.set_frame(child, EIGHTH)
    assert torch.equal(pool.frame(0), QUARTER), "the parent's frame is its own"


def test_a_fresh_expert_leaves_the_average_to_the_one_in_training() -> None:
    pool = pool_of(1)
    pool.open(0)
    fresh = pool.add(None)
    assert pool.average is not None
    assert pool.kin(fresh) == [fresh]
    assert not torch.equal(pool.framed_net(fresh).net[1].weight, pool.framed_net(0).net[1].weight)


def test_a_family_is_shared_and_lists_all_its_kin() -> None:
    pool = pool_of(4)
    pool.join_family(2, 0, QUARTER)
    pool.join_family(3, 2, EIGHTH)
    assert [pool.kin(number) for number in pool.numbers] == [[0, 2, 3], [1], [0, 2, 3], [0, 2, 3]]
    assert torch.equal(pool.frame(3), EIGHTH)
    pool.remove(0)
    assert pool.kin(3) == [2, 3]


def test_who_joins_a_family_in_training_stays_in_it_when_frozen() -> None:
    pool = pool_of(2)
    pool.open(1)
    pool.join_family(1, 0, QUARTER)
    pool.freeze(1)
    assert pool.kin(1) == [0, 1]
    assert torch.equal(pool.frame(1), QUARTER)


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("opened", [False, True])
def test_a_frame_is_looked_through_at_once_in_training_and_at_rest(ring: Ring, half: bool, opened: bool) -> None:
    pool = pool_of(1, half=half)
    x, _ = ring(9)
    if opened:
        pool.open(0)
    turned = torch.rot90(x, -1, (2, 3))
    with torch.no_grad():
        before = pool(0, x)
        assert not torch.allclose(pool(0, turned), before, atol=1e-3)
        pool.set_frame(0, QUARTER)
        assert torch.allclose(pool(0, turned), before, atol=1e-4)
    assert torch.allclose(pool(0, turned), before, atol=1e-4), "where gradients are wanted, too"


def test_the_average_keeps_the_frame_through_training_and_freezing(ring: Ring) -> None:
    pool = pool_of(1)
    pool.open(0)
    x, y = ring(32)
    optimizer = torch.optim.SGD(pool.parameters(), 0.1)
    for frame in (QUARTER, EIGHTH):
        pool.set_frame(0, frame)
        nn.functional.nll_loss(pool(0, x), y).backward()
        optimizer.step()
        pool.follow(0)
    with torch.no_grad():
        said = pool(0, x)
        pool.freeze(0)
        assert torch.allclose(pool(0, x), said, atol=1e-6)
    assert torch.equal(pool.frame(0), EIGHTH)


def test_given_frames_take_the_place_of_its_own(ring: Ring) -> None:
    pool = pool_of(1, half=True)
    x, _ = ring(6)
    with torch.no_grad():
        wanted = pool(0, x)
        pool.set_frame(0, QUARTER)
        assert torch.allclose(pool(0, x, identity()), wanted, atol=1e-4)
        many = pool(0, torch.cat([x, torch.rot90(x, -1, (2, 3))]), torch.stack([identity()] * 6 + [QUARTER] * 6))
    assert torch.allclose(many, torch.cat([wanted, wanted]), atol=1e-4)


def test_a_deep_copy_has_frames_of_its_own() -> None:
    pool = pool_of(2)
    pool.open(1)
    pool.join_family(1, 0, QUARTER)
    clone = copy.deepcopy(pool)
    pool.set_frame(1, EIGHTH)
    assert torch.equal(clone.frame(1), QUARTER)
    assert clone.kin(1) == [0, 1]
    assert torch.equal(clone.frame(clone.add(None)), identity())
    assert clone.average is not None
    assert torch.equal(clone.average.get_buffer("frame"), QUARTER)


# --- sleep -------------------------------------------------------------------------------------------------------


def test_hidden_units_of_framed_networks_are_matched(ring: Ring) -> None:
    pool = pool_of(2)
    x, _ = ring(5)
    matched = aligned(pool.net(0), pool.net(1))
    assert matched is not None
    assert torch.allclose(matched(x), pool.net(1)(x), atol=1e-5)


def test_the_mean_of_two_networks_looks_through_the_frame_of_the_one_that_stays() -> None:
    pool = pool_of(2)
    pool.set_frame(0, QUARTER)
    mean = averaged(pool.net(0), pool.net(1), 0.5)
    assert isinstance(mean, Framed)
    assert torch.equal(mean.frame, QUARTER)
    assert int(mean.family) == 0


# --- the model ---------------------------------------------------------------------------------------------------


def test_an_aligned_expert_starts_from_the_one_that_knows_its_world(
    make_knowing: Knowing, grow_turned: Grow, ring: Ring
) -> None:
    model = make_knowing(effort=20)
    grow_turned(model, 90.0)
    with torch.no_grad():
        for tensor in model.pool.net(1).parameters():
            tensor.mul_(1.5)
    model.pool.average = None
    model.concepts.loss_level[1] = torch.tensor([50.0, 0.2, 0.1])
    grow_turned(model, 45.0, of=1)
    event = model.pending[-1].detail
    assert (event["closest"], event["parent"], event["turn"]) == (0, 1, 135.0)
    x, _ = ring(10)
    with torch.no_grad():
        assert torch.allclose(model.pool(2, x, identity()), model.pool(1, x, identity()), atol=0.02)
    assert torch.equal(model.concepts.loss_level[2], model.concepts.loss_level[1])
    assert model.adapting is not None
    assert model.adapting.effort.steps() < 5, "it is no beginner"


@settings(max_examples=5)
@given(turned=st.lists(st.floats(1, 359), min_size=1, max_size=3))
def test_a_model_with_frames_goes_through_its_state(
    make_knowing: Knowing, grow_turned: Grow, ring: Ring, turned: list[float]
) -> None:
    model = make_knowing()
    for degrees in turned:
        grow_turned(model, degrees)
    again = make_knowing()
    again.load_state_dict(copy.deepcopy(model.state_dict()))
    for number in model.numbers:
        assert torch.equal(again.pool.frame(number), model.pool.frame(number))
        assert again.pool.kin(number) == model.pool.kin(number) == model.numbers
    x, _ = ring(20, 75.0)
    with torch.no_grad():
        assert torch.equal(again.eval()(x), model.eval()(x))
        assert torch.equal(copy.deepcopy(model)(x), model(x))


@pytest.mark.parametrize("options", [{"align": "none"}, {"boundaries": "aware"}])
def test_without_alignment_or_with_told_boundaries_there_are_no_frames(
    options: dict[str, Any], make_knowing: Knowing
) -> None:
    model = make_knowing(**options)
    assert not model.pool.framed
    assert not holds_frames(model)
    assert not isinstance(model.pool.net(0), Framed)
    assert model.pool.kin(0) == [0]
    assert holds_frames(make_knowing())


@pytest.mark.parametrize(
    ("shape", "framed"), [((1, 8, 8), True), ((3, 8, 9), True), ((1, 7, 12), False), ((1, 1, 30), False)]
)
def test_what_is_smaller_than_an_image_gets_no_frame(shape: tuple[int, int, int], framed: bool) -> None:
    model = morph_cl.build_morph(shape, 3, boundaries="free", memory=50)
    assert model.pool.framed == framed
    assert holds_frames(model) == framed
    assert ("frame" in model.memory.fields) == framed
    x, y = torch.rand(4, *shape), torch.tensor([0, 1, 2, 0])
    assert model.train_step((x, y), model.make_optimizer()) > 0
