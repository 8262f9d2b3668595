from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from morph_cl.morph.memory import ReplayMemory, priority
from morph_cl.morph.model import MorphModel
from morph_cl.morph.options import MorphOptions

KINDS = get_args(MorphOptions.model_fields["priority"].annotation)
BYTES = {"loss": 2, "uncertainty": 2, "age": 4, "mixed": 8}


def filled(kind: Any, size: int = 30) -> ReplayMemory:
    torch.manual_seed(0)
    memory = ReplayMemory(40, (1, 2, 2), 3, logits=False, priority=kind)
    memory.add(torch.rand(size, 1, 2, 2), torch.arange(size) % 3, 0)
    return memory


def test_every_priority_of_the_options_is_known_to_the_memory() -> None:
    assert set(KINDS) == set(get_args(priority.Kind)) == set(priority.NOTED)


@given(st.lists(st.just(0.0) | st.floats(0.001, 1_000), min_size=1, max_size=50))
def test_weights_stay_between_a_tenth_and_eight_times_the_mean(values: list[float]) -> None:
    weights = torch.tensor(values)
    bounded, mean = priority.bounded(weights), float(weights.mean())
    assert torch.all(bounded > 0)
    if mean > 0:
        assert float(bounded.max()) <= 8 * mean * (1 + 1e-5)
        assert float(bounded.min()) >= 0.1 * mean * (1 - 1e-5)


def test_weights_are_what_the_formulas_say() -> None:
    nan = float("nan")
    assert priority.loss_weight(torch.tensor([0.0, nan, 1.0])).tolist() == pytest.approx([0, 1, 0.6321206])
    entropy = torch.tensor([0.0, nan, 1.0986123])
    assert priority.uncertainty_weight(entropy, 3).tolist() == pytest.approx([0, 1, 1])
    last = torch.tensor([2_000, 1_000, -1])
    assert priority.age_weight(last, 2_000).tolist() == pytest.approx([0, 0.6321206, 1])
    owner, y = torch.tensor([4, 4, 4, 4, 9]), torch.tensor([0, 0, 0, 1, 2])
    assert priority.specialisation_weight(owner, y, 3).tolist() == pytest.approx([0.25] * 4 + [0])
    assert priority.mix([torch.tensor([0.0]), torch.tensor([1.0])]).tolist() == [0.75]


def test_chances_follow_the_weights_among_the_candidates() -> None:
    memory = filled("loss")
    places = torch.arange(30)
    memory.note(places, torch.where(places < 10, 0.1, 2.0), torch.zeros(30), 1)
    among = torch.arange(5, 15)
    drawn = torch.bincount(memory.draw(20_000, among=among), minlength=30) / 20_000
    weights = 1 - torch.exp(-torch.where(among < 10, 0.1, 2.0))
    expected = torch.zeros(30).index_put((among,), weights / weights.sum())
    assert float((drawn - expected).abs().max()) < 0.02


def test_uniform_draws_are_those_of_randint() -> None:
    memory, among = filled("uniform"), torch.arange(3, 20)
    torch.manual_seed(5)
    drawn = memory.draw(50, among=among)
    torch.manual_seed(5)
    assert torch.equal(drawn, among[torch.randint(0, 17, (50,))])


@pytest.mark.parametrize("kind", KINDS)
def test_figures_and_their_bytes_are_kept_only_where_needed_and_come_back(kind: Any) -> None:
    memory = filled(kind)
    assert memory.sample_bytes == filled("uniform").sample_bytes + BYTES.get(kind, 0)
    memory.note(torch.arange(20), torch.rand(20), torch.rand(20), 7)
    memory.shrink(25)
    assert all(len(getattr(memory, name)) == 25 for name in memory.fields)
    other = ReplayMemory(40, (1, 2, 2), 3, logits=False, priority=kind)
    other.load(memory.export())
    torch.manual_seed(1)
    drawn = memory.draw(60)
    torch.manual_seed(1)
    assert torch.equal(drawn, other.draw(60)), "the same seed draws the same"
    assert other.step == 7


def test_a_place_that_is_filled_anew_is_unknown_again_and_owners_are_looked_at_anew() -> None:
    memory = filled("mixed", 40)
    memory.note(torch.arange(40), torch.zeros(40), torch.zeros(40), 3)
    places = memory.add(torch.rand(400, 1, 2, 2), torch.zeros(400, dtype=torch.int64), 1)
    assert torch.all(memory.get_buffer("loss")[places].isnan())
    assert torch.all(memory.get_buffer("last")[places] == -1)
    before = memory._specialised()
    memory.reassign(1, 0)
    assert not torch.equal(before, memory._specialised())


def test_training_notes_what_it_replays(
    make_model: Callable[..., MorphModel],
    make_samples: Callable[..., tuple[Tensor, Tensor]],
    learn: Callable[..., None],
) -> None:
    model = make_model(priority="mixed", replay=16)
    learn(model, model.make_optimizer(), *make_samples(640, 0, 1))
    last, loss = model.memory.get_buffer("last"), model.memory.get_buffer("loss")
    assert int(last.max()) == model.memory.step > 1
    assert torch.equal(last >= 0, ~loss.isnan())
    assert model.validation.noted == {}
