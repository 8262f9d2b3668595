"""What adapts quickly without boundaries: effort, recent samples, context, and what is followed or waited for."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from morph_cl.morph.augment import jitter
from morph_cl.morph.context import Context
from morph_cl.morph.effort import Effort
from morph_cl.morph.model import MorphModel
from morph_cl.morph.recent import Recent
from morph_cl.morph.rehearsal import rehearse
from morph_cl.morph.sleep.removal import remove_expert

Make = Callable[..., MorphModel]
Samples = Callable[..., tuple[Tensor, Tensor]]
Train = Callable[..., None]


def kinds(model: MorphModel) -> list[str]:
    return [event.kind for event in model.pending if event.kind in ("growth", "reuse")]


# --- effort ------------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(0, 1), max_size=300), st.integers(1, 50))
def test_effort_lies_between_one_step_and_the_most(wrong: list[float], most: int) -> None:
    effort = Effort(most)
    effort.hear(wrong)
    assert 1 <= effort.steps() <= most


def test_a_new_expert_gets_the_most_steps_and_an_old_one_few() -> None:
    effort = Effort(20)
    assert effort.steps() == 20
    effort.hear([0.0] * 200)
    assert effort.steps() == 10
    effort.opened(known=True)
    assert effort.steps() == 1


def test_errors_beyond_the_usual_raise_the_effort_and_noise_does_not_for_ever() -> None:
    effort = Effort(20)
    effort.opened(known=True)
    effort.hear([1.0, 0.0] * 50)
    assert effort.moving
    assert effort.steps() == 20
    effort.hear([1.0, 0.0] * 10_000)
    assert not effort.moving
    assert effort.steps() <= 3


def test_no_effort_takes_no_step() -> None:
    assert Effort(0).steps() == 0


def test_effort_goes_on_from_its_state() -> None:
    first, second = Effort(20), Effort(20)
    first.hear([1.0, 0.0, 1.0])
    second.load(first.export())
    first.hear([1.0])
    second.hear([1.0])
    assert first.export() == second.export()


# --- recent samples ----------------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 9), min_size=1, max_size=8), st.integers(1, 12))
def test_the_latest_samples_are_kept_and_none_else(sizes: list[int], latest: int) -> None:
    recent, count = Recent(7, (1, 1, 1)), 0
    for size in sizes:
        y = torch.arange(count, count + size)
        recent.add((y.float() / 255).view(-1, 1, 1, 1).clamp(0, 1), y)
        count += size
    x, y = recent.draw(200, latest)
    assert len(recent) == min(count, 7)
    assert set(y.tolist()) <= set(range(max(count - min(latest, 7), 0), count))
    assert torch.equal((x.flatten() * 255).round().long(), y)


def test_images_beyond_bytes_are_kept_as_they_are() -> None:
    recent = Recent(4, (1, 1, 1))
    recent.add(torch.full((1, 1, 1, 1), 0.5), torch.tensor([0]))
    recent.add(torch.full((1, 1, 1, 1), -3.0), torch.tensor([1]))
    x, y = recent.draw(50)
    assert set(x[y == 1].flatten().tolist()) == {-3.0}
    assert x[y == 0].flatten().sub(0.5).abs().max() < 0.01


# --- augmentation ------------------------------------------------------------------------------------------------


def test_jitter_moves_a_little_and_keeps_the_middle() -> None:
    torch.manual_seed(0)
    x = torch.zeros(64, 2, 20, 28)
    x[:, :, 6:14, 10:18] = 1.0
    moved = jitter(x)
    assert moved.shape == x.shape
    assert not torch.equal(moved, x)
    assert float(moved[:, :, 9:11, 13:15].min()) == pytest.approx(1.0)
    assert float((moved.sum((1, 2, 3)) / x.sum((1, 2, 3)) - 1).abs().max()) < 0.5
    assert float((moved[0] - moved[1]).abs().max()) > 0  # each image by its own amounts


# --- context -----------------------------------------------------------------------------------------------------


def test_labels_tell_which_expert_is_needed() -> None:
    context = Context()
    context.grown(0)
    context.grown(3)
    assert context.leaders(1) == [3]
    right, wrong = torch.full((10,), -0.1), torch.full((10,), -4.0)
    for _ in range(3):
        context.hear({0: right, 3: wrong})
    assert context.leaders(1) == [0]
    assert sum(context.shares.values()) == pytest.approx(1.0)


def test_inputs_of_a_whole_batch_move_the_prior_before_any_label() -> None:
    context = Context()
    context.grown(0)
    context.grown(1)
    evidence = torch.tensor([[12.0, 0.0]]).expand(10, 2)
    assert context.prior(evidence, [0, 1]).argmax() == 0
    assert context.prior(torch.zeros(10, 2), [0, 1]).argmax() == 1


# --- the model ---------------------------------------------------------------------------------------------------


def trained(learn: Train, make_model: Make, make_samples: Samples, **options: float) -> MorphModel:
    model = make_model(lr=1e-2, **options)
    learn(model, model.make_optimizer(), *make_samples(1_200, 0, 0))
    assert kinds(model) == []
    return model


def test_a_disturbance_leaves_no_trace(learn: Train, make_model: Make, make_samples: Samples) -> None:
    model = trained(learn, make_model, make_samples)
    known, stored = float(model.concepts.counts.sum()), len(model.memory)
    learn(model, model.make_optimizer(), *make_samples(64, 2, 1))
    assert float(model.concepts.counts.sum()) == known
    assert len(model.memory) == stored
    learn(model, model.make_optimizer(), *make_samples(320, 0, 2))
    assert kinds(model) == []
    assert float(model.concepts.counts.sum()) > known


def test_a_context_that_comes_back_is_found_and_grows_nothing(
    learn: Train, make_model: Make, make_samples: Samples
) -> None:
    model = trained(learn, make_model, make_samples)
    x, y = make_samples(600, 0, 1)
    learn(model, model.make_optimizer(), x, (y + 1) % 3)
    assert kinds(model) == ["growth"]
    learn(model, model.make_optimizer(), *make_samples(300, 0, 2))
    assert kinds(model) == ["growth", "reuse"]
    assert model.active == 0


def test_an_expert_that_sleep_dropped_has_no_share_any_longer(
    learn: Train, make_model: Make, make_samples: Samples
) -> None:
    model = trained(learn, make_model, make_samples)
    x, y = make_samples(600, 0, 1)
    learn(model, model.make_optimizer(), x, (y + 1) % 3)
    assert model.numbers == [0, 1]
    remove_expert(model, 0, heir=1)
    learn(model, model.make_optimizer(), *make_samples(300, 0, 2))
    assert model.adapting is not None
    assert set(model.adapting.context.shares) == set(model.numbers)


def test_slow_change_is_followed_by_the_same_expert(learn: Train, make_model: Make, make_samples: Samples) -> None:
    model = trained(learn, make_model, make_samples)
    optimizer = model.make_optimizer()
    for step in range(60):
        x, y = make_samples(32, 0, 10 + step)
        learn(model, optimizer, (x + 0.004 * step).clamp(0, 1), y)
    assert kinds(model) == []
    x, y = make_samples(200, 0, 99)
    model.eval()
    with torch.no_grad():
        assert float((model((x + 0.236).clamp(0, 1)).argmax(1) == y).float().mean()) > 0.9


@pytest.mark.usefixtures("exact")
def test_the_average_answers_and_is_what_stays(learn: Train, make_model: Make, make_samples: Samples) -> None:
    model = trained(learn, make_model, make_samples)
    x, _ = make_samples(20, 0, 5)
    with torch.no_grad():
        averaged = model.pool(0, x)
    live = model.pool(0, x)
    assert not torch.allclose(averaged, live)
    model.pool.half_at_rest = False
    model.pool.freeze(0)
    assert torch.allclose(model.pool(0, x), averaged)


def test_no_effort_leaves_the_weights_alone(learn: Train, make_model: Make, make_samples: Samples) -> None:
    model = trained(learn, make_model, make_samples, effort=0)
    before = copy.deepcopy(model.pool.state_dict())
    rehearse(model, model.make_optimizer())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.pool.state_dict().items())


def test_a_loaded_model_goes_on_as_the_one_that_was_saved(
    learn: Train, make_model: Make, make_samples: Samples
) -> None:
    model = trained(learn, make_model, make_samples)
    model.refresh()
    other = make_model(lr=1e-2)
    other.load_state_dict(model.state_dict())
    for each in (model, other):
        torch.manual_seed(1)
        learn(each, each.make_optimizer(), *make_samples(96, 2, 1))
        learn(each, each.make_optimizer(), *make_samples(320, 2, 2))
    assert kinds(model) == kinds(other) == ["growth"]
    x, _ = make_samples(50, 2, 3)
    with torch.no_grad():
        assert torch.equal(model.eval()(x), other.eval()(x))


def test_boundaries_that_are_told_need_none_of_it(make_model: Make) -> None:
    model = make_model(boundaries="aware")
    assert model.adapting is None
    assert model.pool.average is None
