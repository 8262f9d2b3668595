"""Memory: what was learned through a frame is replayed through it, by all that share the view of the world."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from morph_cl.morph.experts import tensor_bytes
from morph_cl.morph.frames import identity, turn_of, turns
from morph_cl.morph.intake import remember
from morph_cl.morph.learning import own_places
from morph_cl.morph.memory import ReplayMemory
from morph_cl.morph.model import MorphModel
from morph_cl.morph.rehearsal import rehearse
from morph_cl.morph.sleep.rehearsal import rehearsed

Knowing = Callable[..., MorphModel]
Ring = Callable[..., tuple[Tensor, Tensor]]
Grow = Callable[..., None]
Policy = Literal["reservoir", "balanced"]

TURN = 112.5  # degrees; half a place more than two places of the ring: the wrong frame leaves each class in doubt

policies = st.sampled_from(["reservoir", "balanced"])


def filled(sizes: list[int], capacity: int, policy: Policy = "reservoir") -> ReplayMemory:
    """Each part's frame is the identity times its owner's number."""
    memory = ReplayMemory(capacity, (1, 8, 8), 3, logits=False, policy=policy, frames=True)
    for number, size in enumerate(sizes):
        y = torch.arange(size) % 3
        memory.keep_frame(memory.add(torch.full((size, 1, 8, 8), 0.5), y, number), number * identity())
    return memory


def frames_are_those_of_their_owners(memory: ReplayMemory) -> bool:
    return torch.equal(memory.frame, memory.owner.half()[:, None, None] * identity().half())


@settings(max_examples=40)
@given(st.lists(st.integers(0, 30), max_size=5), st.integers(1, 40), st.integers(1, 40), policies)
def test_frames_stay_with_their_samples(sizes: list[int], capacity: int, smaller: int, policy: Policy) -> None:
    memory = filled(sizes, capacity, policy)
    assert frames_are_those_of_their_owners(memory)
    memory.shrink(smaller)
    assert len(memory) == min(sum(sizes), capacity, smaller)
    assert frames_are_those_of_their_owners(memory)
    memory.keep_frame(memory.add(torch.zeros(9, 1, 8, 8), torch.arange(9) % 3, 7), 7 * identity())
    assert frames_are_those_of_their_owners(memory)


@settings(max_examples=20)
@given(st.lists(st.integers(0, 30), max_size=4), policies)
def test_frames_go_through_the_state(sizes: list[int], policy: Policy) -> None:
    memory, again = filled(sizes, 25, policy), filled([3], 25, policy)
    again.load(memory.export())
    assert torch.equal(again.frame, memory.frame)
    assert frames_are_those_of_their_owners(again)
    if len(memory):
        again.frame.zero_()
        assert float(memory.frame[memory.owner > 0].abs().sum()) == 6.0 / 3 * float(memory.owner.sum())


def test_bytes_count_frames() -> None:
    without = ReplayMemory(20, (1, 8, 8), 3, logits=False)
    assert filled([], 20).sample_bytes == without.sample_bytes + 6 * 2
    memory = filled([30], 20)
    assert tensor_bytes(memory) == 20 * memory.sample_bytes


@pytest.fixture
def kin(make_knowing: Knowing, grow_turned: Grow, ring: Ring) -> MorphModel:
    """Expert 0 remembers the ring, expert 1, in training, the ring turned."""
    model = make_knowing(replay=64)
    remember(model, *ring(40))
    grow_turned(model, TURN)
    remember(model, *ring(40, TURN))
    return model


def test_samples_are_stored_with_the_frame_that_they_were_learned_through(kin: MorphModel) -> None:
    for owner, degrees in ((0, 0.0), (1, TURN)):
        frames = kin.memory.frame[kin.memory.owner == owner]
        assert len(frames) == 40
        assert all(turn_of(frame) == pytest.approx(degrees, abs=0.1) for frame in frames)


def test_an_expert_learns_from_what_its_kin_remember_and_from_no_one_elses(kin: MorphModel) -> None:
    assert len(own_places(kin)) == 80
    kin.pool.framed_net(0).family.fill_(5)
    assert set(kin.memory.owner[own_places(kin)].tolist()) == {1}


def test_a_step_sees_each_remembered_sample_through_its_own_frame(kin: MorphModel, ring: Ring) -> None:
    torch.manual_seed(0)
    assert float(kin.step(*ring(10, TURN)).loss) < 0.2
    kin.memory.frame[:] = identity().half()
    assert float(kin.step(*ring(10, TURN)).loss) > 1.0, "half of what is replayed is seen the wrong way"


def test_rehearsal_sees_recent_and_remembered_samples_through_their_frames(
    make_knowing: Knowing, kin: MorphModel, ring: Ring, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert kin.adapting is not None
    kin.adapting.effort.most = 3
    kin.adapting.recent.add(*ring(40))  # as the expert saw them
    knows, seen = make_knowing(), []
    forward = type(kin.pool).forward

    def watched(number: int, x: Tensor, frames: Tensor | None = None) -> Tensor:
        seen.append((x, frames))
        return forward(kin.pool, number, x, frames)

    monkeypatch.setattr(kin.pool, "forward", watched)
    torch.manual_seed(0)
    rehearse(kin, kin.make_optimizer())
    assert seen
    for x, frames in seen:
        assert frames is not None
        assert torch.equal(frames, identity()), "they are turned already"
        certain = nn.functional.cross_entropy(knows.pool(0, x), knows.pool(0, x).argmax(1), reduction="none")
        assert float(certain.max()) < 0.2, "no blob between two places"


def test_sleep_rehearses_samples_through_the_frames_they_were_learned_through(
    make_knowing: Knowing, ring: Ring
) -> None:
    model = make_knowing(sleep_steps=3)
    places = model.memory.add(*ring(50, 90.0), 0)
    model.memory.keep_frame(places, turns(identity(), 4)[1])
    right: list[float] = []

    def loss_of(logits: Tensor, at: Tensor) -> Tensor:
        right.append(float((logits.argmax(1) == model.memory.y[at].long()).float().mean()))
        return logits.mean() * 0

    rehearsed(model, model.pool.net(0), places, loss_of)
    assert len(right) == 3
    assert min(right) > 0.9
