from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from morph_cl.morph.model import MorphModel
from morph_cl.morph.sleep import HeldOut, splitting
from morph_cl.morph.sleep.clusters import nearer_to_second, two_means
from morph_cl.morph.sleep.cycle import reorganise

Make = Callable[..., MorphModel]
Samples = Callable[..., tuple[Tensor, Tensor]]
Train = Callable[..., None]


@pytest.fixture(scope="module")
def crowded(experience: Train, make_model: Make, make_samples: Samples) -> MorphModel:
    """Expert 0 owns two domains, badly learned; expert 1, in training, owns little."""
    model = make_model(
        boundaries="aware", merge=False, prune=False, novelty=1_000.0, surprise=0, replay=0, lr=0.01, split=16, modes=4
    )
    for number in range(2):  # one expert for both: nothing counts as novel
        experience(model, *make_samples(300, number, number), steps=8)
    assert model.numbers == [0]
    model._admit(0)
    experience(model, *make_samples(100, 2, 2))
    if model.active != 1:
        model.turn_to(1)
    return model


@pytest.fixture
def model(crowded: MorphModel) -> MorphModel:
    return copy.deepcopy(crowded)


def with_options(model: MorphModel, **options: Any) -> None:
    model.options = model.options.model_copy(update=options)


def assert_same_state(after: dict[str, Any], before: dict[str, Any]) -> None:
    """Equal bit for bit, whatever is nested in it."""
    assert after.keys() == before.keys()
    for name, value in before.items():
        if isinstance(value, dict):
            assert_same_state(after[name], value)
        elif isinstance(value, Tensor):
            assert torch.equal(after[name], value), name
        else:
            assert after[name] == value, name


def test_a_split_that_helps_stands(model: MorphModel) -> None:
    with_options(model, sleep_steps=80)
    held = HeldOut(model)
    counts, total = model.concepts.counts[0].clone(), len(model.memory)
    with torch.no_grad():
        before = held.verdict().accuracy
        assert splitting.split_expert(model, 0, held) == 2
        assert held.verdict().accuracy > before
        assert HeldOut(model).verdict().accuracy == held.verdict().accuracy
    rows = (model.gate, model.concepts, model.concepts.level, model.pool, model.numbers, model.graph.experts)
    assert {len(table) for table in rows} == {3}
    torch.testing.assert_close(model.concepts.counts[0] + model.concepts.counts[2], counts)
    assert len(model.memory) == total
    assert {0, 2} <= set(model.memory.owner.tolist())
    assert {0, 2} <= set(model.validation.owner.tolist())
    assert model.active == 1
    assert [(e.detail["parent"], e.detail["expert"]) for e in model.pending if e.kind == "split"] == [(0, 2)]
    assert ("expert:2", "expert:0") in {(a, b) for a, b, key in model.graph.graph.edges(keys=True) if key == "split"}


def test_a_split_model_goes_on_learning_and_is_restored(
    model: MorphModel, experience: Train, make_samples: Samples
) -> None:
    with torch.no_grad():
        splitting.split_expert(model, 0, HeldOut(model))
    experience(model, *make_samples(300, 2, 9))
    other = copy.deepcopy(model)
    other.load_state_dict(model.state_dict())
    x, _ = make_samples(20, 0, 5)
    torch.testing.assert_close(other.eval()(x), model.eval()(x))


def test_a_split_that_hurts_is_undone_bit_for_bit(model: MorphModel) -> None:
    with_options(model, bound=-2.0)
    held = HeldOut(model)
    with torch.no_grad():
        accuracy = held.verdict().accuracy
        before = copy.deepcopy(model.state_dict())
        assert splitting.split_expert(model, 0, held) is None
        assert held.verdict().accuracy == accuracy
    assert_same_state(model.state_dict(), before)
    assert not [event for event in model.pending if event.kind == "split"]


def test_only_an_overloaded_expert_that_answers_badly_is_chosen(
    model: MorphModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = HeldOut(model)
    model.validation.owner[:6] = 1
    right = held.owner != 0  # all that expert 0 owns is wrong
    monkeypatch.setattr(held, "hits", lambda: right)
    with_options(model, overload=1.0)
    assert splitting.overloaded(model, held) == [0]
    with_options(model, overload=2.0)  # of two experts none can own more than twice the half
    assert splitting.overloaded(model, held) == []
    with_options(model, overload=1.0)
    monkeypatch.setattr(model, "active", 0)
    assert splitting.overloaded(model, held) == []
    monkeypatch.setattr(model, "active", 1)
    monkeypatch.setattr(held, "hits", lambda: ~right)
    assert splitting.overloaded(model, held) == []


@pytest.mark.parametrize(
    ("reorganises", "most", "room"), [(True, 3, True), (True, 2, True), (True, 3, False), (False, 3, True)]
)
def test_sleep_splits_where_option_caps_and_bytes_allow(
    model: MorphModel, monkeypatch: pytest.MonkeyPatch, reorganises: bool, most: int, room: bool
) -> None:
    with_options(model, reorganise=reorganises, max_experts=most, bound=1.0)
    monkeypatch.setattr(splitting, "overloaded", lambda model, held: [0])
    monkeypatch.setattr(splitting, "room_for_expert", lambda model: room)
    with torch.no_grad():
        detail = reorganise(model, HeldOut(model))
    allowed = reorganises and most == 3 and room
    assert len(model.pool) == (3 if allowed else 2)
    assert detail.get("split") == ([[0, 2]] if allowed else [] if reorganises else None)


def test_an_expert_of_one_point_stays_whole(model: MorphModel) -> None:
    model.memory.x[model.memory.owner == 0] = model.memory.x[(model.memory.owner == 0).nonzero()[0]]
    with torch.no_grad():
        assert splitting.split_expert(model, 0, HeldOut(model)) is None
    assert model.numbers == [0, 1]


@given(st.integers(0, 1_000), st.integers(2, 30), st.integers(2, 30))
def test_two_means_finds_two_distant_clouds(seed: int, first: int, second: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    points = torch.rand(first + second, 3, generator=generator)
    points[first:] += 10.0
    state = torch.get_rng_state()
    centres = two_means(points, seed)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(two_means(points, seed), centres)
    side = nearer_to_second(points, centres)
    assert len(side[:first].unique()) == len(side[first:].unique()) == 1
    assert bool(side[0]) != bool(side[-1])
