"""Alignment: the turn and the expert that samples are known through, and none where nothing explains them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from morph_cl.morph.align import better_frame, find_alignment, frame_losses, strays_explained
from morph_cl.morph.frames import Framed, identity, turn_of, turns
from morph_cl.morph.model import MorphModel

Knowing = Callable[..., MorphModel]
Ring = Callable[..., tuple[Tensor, Tensor]]

seeds = st.integers(0, 10_000)


def apart(a: float, b: float) -> float:
    return abs((a - b + 180) % 360 - 180)


@pytest.fixture(scope="module")
def model(make_knowing: Knowing) -> MorphModel:
    return make_knowing()


# --- a new context -----------------------------------------------------------------------------------------------


@settings(max_examples=15)
@given(steps=st.integers(3, 21), off=st.floats(-5, 5), seed=seeds)
def test_a_turned_world_is_found(model: MorphModel, ring: Ring, steps: int, off: float, seed: int) -> None:
    found = find_alignment(model, *ring(40, 15.0 * steps + off, seed), [0])
    assert found is not None
    assert found.expert == 0
    assert apart(found.degrees, 15.0 * steps + off) <= 7.6
    assert found.loss < 0.3


def test_the_expert_that_knows_the_samples_once_turned_is_found(make_knowing: Knowing, ring: Ring) -> None:
    model = make_knowing(20.0)  # the other expert's ring starts at 20 degrees
    for start, expert in ((0.0, 0), (20.0, 1)):
        found = find_alignment(model, *ring(40, start + 105.0), [0, 1])
        assert found is not None
        assert (found.expert, round(found.degrees)) == (expert, 105)


@settings(max_examples=15)
@given(seed=seeds)
def test_labels_that_no_turn_explains_find_nothing(model: MorphModel, ring: Ring, seed: int) -> None:
    x, y = ring(60, 90.0, seed)
    shuffled = y[torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))]
    assert find_alignment(model, x, shuffled, [0]) is None


def test_a_turn_that_leaves_a_third_of_the_samples_unexplained_is_none(model: MorphModel, ring: Ring) -> None:
    (x, y), (other_x, other_y) = ring(40, 90.0), ring(20, 90.0, 1)
    x, y = torch.cat([x, other_x]), torch.cat([y, (other_y + 4) % 8])
    losses = frame_losses(model, 0, turns(identity(), 24), x, y).mean(1)
    assert float(losses.min()) < 0.45 * float(losses[0]), "it is far better than none"
    assert find_alignment(model, x, y, [0]) is None


def test_what_is_known_already_finds_nothing(model: MorphModel, ring: Ring) -> None:
    assert find_alignment(model, *ring(60), [0]) is None


def test_too_few_samples_find_nothing(model: MorphModel, ring: Ring) -> None:
    x, y = ring(8, 90.0)
    assert find_alignment(model, x, y, [0]) is not None
    assert find_alignment(model, x[1:], y[1:], [0]) is None


def test_the_latest_samples_decide(model: MorphModel, ring: Ring) -> None:
    earlier, later = ring(60, 180.0), ring(60, 90.0, 1)
    found = find_alignment(model, torch.cat([earlier[0], later[0]]), torch.cat([earlier[1], later[1]]), [0])
    assert found is not None
    assert found.degrees == pytest.approx(90, abs=0.01)


def test_the_likeliest_experts_alone_are_tried(make_knowing: Knowing, ring: Ring) -> None:
    model = make_knowing(0.0, 0.0, 0.0, 0.0)
    with torch.no_grad():
        for number in model.numbers[:4]:  # they say the same of all samples
            for tensor in model.pool.net(number).parameters():
                tensor.zero_()
    model.pool.average = None
    samples = ring(40, 90.0)
    assert find_alignment(model, *samples, [0, 1, 2, 3, 4]) is None
    found = find_alignment(model, *samples, [4, 0, 1, 2, 3])
    assert found is not None
    assert found.expert == 4


def test_an_expert_is_turned_from_the_frame_it_has(make_knowing: Knowing, ring: Ring) -> None:
    model = make_knowing()
    model.pool.set_frame(0, torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]]))
    found = find_alignment(model, *ring(40, 60.0), [0])
    assert found is not None
    assert found.degrees == pytest.approx(60, abs=0.01)


# --- strays ------------------------------------------------------------------------------------------------------


@settings(max_examples=10)
@given(steps=st.integers(3, 21), seed=seeds)
def test_strays_of_a_turned_world_are_explained(model: MorphModel, ring: Ring, steps: int, seed: int) -> None:
    found = strays_explained(model, [ring(10, 15.0 * steps, seed), ring(10, 15.0 * steps, seed + 1)], [0])
    assert found is not None
    assert found.expert == 0
    assert apart(found.degrees, 15.0 * steps) < 15.1


def test_strays_are_explained_by_the_expert_that_knows_them(make_knowing: Knowing, ring: Ring) -> None:
    model = make_knowing("mirrored")
    for mirrored in (False, True):
        halves = [ring(10, 135.0, seed, mirrored=mirrored) for seed in (0, 1)]
        found = strays_explained(model, halves, [0, 1])
        assert found is not None
        assert (found.expert, round(found.degrees)) == (int(mirrored), 135)


@settings(max_examples=15)
@given(seed=seeds)
def test_what_the_second_half_does_not_confirm_is_not_explained(model: MorphModel, ring: Ring, seed: int) -> None:
    x, y = ring(10, 90.0, seed + 1)
    noise = x, (y + torch.randint(1, 8, (10,), generator=torch.Generator().manual_seed(seed))) % 8
    assert strays_explained(model, [ring(10, 90.0, seed), noise], [0]) is None
    assert strays_explained(model, [noise, ring(10, 90.0, seed)], [0]) is None


def test_strays_of_two_worlds_are_explained_by_neither(model: MorphModel, ring: Ring) -> None:
    halves = [
        tuple(torch.cat(parts) for parts in zip(ring(5, 90.0, seed), ring(5, 215.0, seed), strict=True))
        for seed in (0, 1)
    ]
    assert strays_explained(model, halves, [0]) is None


# --- small steps -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("turn", [-18.0, -10.0, 10.0, 18.0])
def test_steps_bring_the_frame_in_line_with_a_world_that_turned_a_little(
    make_knowing: Knowing, ring: Ring, turn: float
) -> None:
    model, samples = make_knowing(), ring(200, turn)
    losses = [float(frame_losses(model, 0, identity()[None], *samples).sum())]
    while (frame := better_frame(model, *samples)) is not None:
        model.pool.set_frame(0, frame)
        losses.append(float(frame_losses(model, 0, frame[None], *samples).sum()))
        assert losses[-1] < losses[-2] - 4.0, "no step for less than chance explains"
    assert len(losses) > 1
    assert apart(turn_of(model.pool.frame(0)), turn) < 7


@settings(max_examples=10)
@given(seed=seeds)
def test_a_frame_that_fits_stays(model: MorphModel, ring: Ring, seed: int) -> None:
    assert better_frame(model, *ring(40, 0.0, seed)) is None


def test_the_expert_in_training_is_the_one_whose_frame_steps(
    make_knowing: Knowing, ring: Ring, grow_turned: Callable[..., None]
) -> None:
    model = make_knowing()
    grow_turned(model, 90.0)
    frame = better_frame(model, *ring(40, 105.0))
    assert frame is not None
    assert 90 < turn_of(frame) < 110


def test_looking_for_a_frame_leaves_a_network_alone(make_knowing: Knowing, ring: Ring) -> None:
    model = make_knowing()
    net = model.pool.net(0)
    assert isinstance(net, Framed)
    net.net = nn.Sequential(nn.BatchNorm2d(1), net.net)
    model.pool.open(0)
    model.train()
    before = {name: tensor.clone() for name, tensor in model.pool.state_dict().items()}
    better_frame(model, *ring(40, 10.0))
    find_alignment(model, *ring(40, 90.0), [0])
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.pool.state_dict().items())
    assert net.training
