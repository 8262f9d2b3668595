"""Sight: samples are kept as the expert in training sees them, and its frame follows what it has seen lately."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from morph_cl.morph.adapting import Adapting
from morph_cl.morph.frames import identity, turn_of, turns
from morph_cl.morph.intake import absorb
from morph_cl.morph.lending import is_settled, lenders
from morph_cl.morph.model import MorphModel
from morph_cl.morph.recent import Recent
from morph_cl.morph.sight import see
from morph_cl.morph.trust import Trust

Knowing = Callable[..., MorphModel]
Ring = Callable[..., tuple[Tensor, Tensor]]
Grow = Callable[..., None]


def adapting_of(model: MorphModel) -> Adapting:
    assert model.adapting is not None
    return model.adapting


def turn(model: MorphModel) -> float:
    return turn_of(model.pool.frame(model.active))


@pytest.fixture
def settled(make_knowing: Knowing, ring: Ring) -> MorphModel:
    model = make_knowing()
    x, y = ring(32)
    model.concepts.fit_projection(x)
    absorb(model, x, y)
    assert is_settled(model)
    return model


def test_samples_are_kept_as_the_expert_sees_them_and_as_they_are(settled: MorphModel, ring: Ring) -> None:
    settled.iteration = 1  # no look at the frame
    settled.pool.set_frame(0, turns(identity(), 4)[1])
    x, y = ring(20)
    see(settled, adapting_of(settled), torch.rot90(x, -1, (2, 3)), y)
    kept, classes = adapting_of(settled).recent.all()
    assert torch.equal(classes, y)
    assert float((kept - x).abs().max()) < 0.01
    assert float((adapting_of(settled).sight.all()[0] - torch.rot90(x, -1, (2, 3))).abs().max()) < 0.01


def test_the_frame_follows_a_small_turn_once_there_are_enough_samples(settled: MorphModel, ring: Ring) -> None:
    see(settled, adapting_of(settled), *ring(29, 18.0))
    assert torch.equal(settled.pool.frame(0), identity())
    see(settled, adapting_of(settled), *ring(1, 18.0, 1))
    assert 0 < turn(settled) < 25


def test_an_expert_that_has_met_too_little_keeps_its_frame(make_knowing: Knowing, ring: Ring) -> None:
    model = make_knowing()
    assert not is_settled(model)
    see(model, adapting_of(model), *ring(40, 18.0))
    assert torch.equal(model.pool.frame(0), identity())


def test_a_look_is_taken_every_tenth_batch_and_every_second_where_errors_rise(settled: MorphModel, ring: Ring) -> None:
    settled.iteration = 4
    see(settled, adapting_of(settled), *ring(40, 18.0))
    assert torch.equal(settled.pool.frame(0), identity())
    adapting_of(settled).effort.fast = 0.03
    see(settled, adapting_of(settled), *ring(1, 18.0))
    assert turn(settled) > 0


def test_turns_are_noted_when_they_add_up_to_more_than_20_degrees(settled: MorphModel, ring: Ring) -> None:
    told = []
    for batch in range(12):
        see(settled, adapting_of(settled), *ring(40, 6.0 * batch, batch))
        told.append(round(sum(event.detail["by"] for event in settled.pending) + adapting_of(settled).turned, 1))
        assert told[-1] == pytest.approx(turn(settled), abs=0.2)
    follows = [event.detail for event in settled.pending]
    assert [event.kind for event in settled.pending] == ["follow"] * len(follows)
    assert len(follows) >= 2
    assert all(20 < detail["by"] < 45 and detail["expert"] == 0 for detail in follows)
    assert turn(settled) == pytest.approx(66, abs=12)


def test_a_turn_past_180_degrees_counts_as_what_it_is(settled: MorphModel, ring: Ring) -> None:
    settled.pool.set_frame(0, turns(identity(), 72)[35])  # 175 degrees
    see(settled, adapting_of(settled), *ring(40, 193.0))
    assert turn(settled) < -160
    assert 5 < adapting_of(settled).turned < 25


def test_another_expert_in_training_is_judged_by_its_own_samples_alone(
    settled: MorphModel, grow_turned: Grow, ring: Ring
) -> None:
    see(settled, adapting_of(settled), *ring(29, 18.0))
    x, y = ring(5)
    adapting_of(settled).strays.hear(torch.full((5,), 3.0), x, y)
    adapting_of(settled).trust.hear([1.0], [2.0])
    adapting_of(settled).turned = 7.0
    grow_turned(settled, 90.0)
    assert adapting_of(settled).strays.kept == []
    assert adapting_of(settled).trust.given
    assert adapting_of(settled).turned == 0
    assert len(adapting_of(settled).sight) == 0
    assert lenders(settled) == {1: 0}
    assert is_settled(settled), "its kin has met enough"


@pytest.mark.usefixtures("exact")
def test_the_densities_of_kin_serve_a_new_expert(settled: MorphModel, grow_turned: Grow, ring: Ring) -> None:
    grow_turned(settled, 90.0)
    x, _ = ring(20)
    turned = torch.rot90(x, -1, (2, 3))  # clockwise, as the new expert's frame is
    known, own = settled.evidence(x).density, settled.evidence(turned).density
    assert known is not None
    assert own is not None
    assert torch.allclose(own[:, 1], known[:, 0], atol=1e-2)
    settled.turn_to(0)
    beside = settled.evidence(turned).density
    assert beside is not None
    assert torch.allclose(beside[:, 1], known[:, 0], atol=1e-2), "whoever is in training"
    settled.turn_to(1)
    absorb(settled, turned, ring(20)[1])
    assert lenders(settled) == {}


def test_what_was_seen_strayed_and_turned_goes_through_the_state(
    settled: MorphModel, make_knowing: Knowing, ring: Ring
) -> None:
    adapting, (x, y) = adapting_of(settled), ring(35, 18.0)
    see(settled, adapting, x, y)
    adapting.strays.hear(torch.full((35,), 3.0), x, y)
    adapting.trust.hear([1.0, 2.0], [0.5, 3.0])
    again = make_knowing()
    again.load_state_dict(copy.deepcopy(settled.state_dict()))
    loaded = adapting_of(again)
    assert loaded.turned == adapting.turned > 0
    assert len(loaded.sight) == 35
    assert all(torch.equal(a, b) for a, b in zip(loaded.sight.all(), adapting.sight.all(), strict=True))
    assert [int(y) for _, _, y in loaded.strays.kept] == y[:3].tolist()
    assert loaded.trust.export() == adapting.trust.export() != Trust().export()


@pytest.mark.parametrize("count", [3, 7, 11])
def test_all_recent_samples_are_the_latest(count: int) -> None:
    recent = Recent(7, (1, 1, 1))
    for number in range(count):
        recent.add(torch.full((1, 1, 1, 1), number / 255), torch.tensor([number]))
    x, y = recent.all()
    assert sorted(y.tolist()) == list(range(max(count - 7, 0), count))
    assert torch.equal((x.flatten() * 255).round().long(), y)
