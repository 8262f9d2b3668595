from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from morph_cl.morph.growth import Look
from morph_cl.morph.model import MorphModel
from morph_cl.morph.novelty import NoveltyDetector
from morph_cl.morph.sleep import HeldOut
from morph_cl.morph.sleep.meta import MetaLearner, accuracies, next_agreement

Make = Callable[..., MorphModel]
Samples = Callable[..., tuple[Tensor, Tensor]]
Train = Callable[..., None]


@pytest.fixture
def model(make_model: Make) -> MorphModel:
    """One expert of at most 64, nothing held out."""
    return make_model(meta=True)


@pytest.fixture(scope="module")
def trained(experience: Train, make_model: Make, make_samples: Samples) -> MorphModel:
    model = make_model(boundaries="aware", meta=True)
    for number in range(2):
        experience(model, *make_samples(300, number, number))
    return model


def adapted(model: MorphModel, merged: int = 0, undone: int = 0, now: float | None = None) -> dict[str, float]:
    """The thresholds after a sleep in which merges stood and were undone, and expert 0 had an accuracy of ``now``."""
    held = HeldOut(model)
    held.undone_merges = undone
    return model.meta.learn(model, held, {} if now is None else {0: (now, 100)}, merged)


@pytest.mark.parametrize(("stood", "undone", "expected"), [(0, 1, 0.99), (2, 1, 0.99), (2, 0, 0.975), (0, 0, 0.98)])
def test_agreement_follows_what_became_of_merges(model: MorphModel, stood: int, undone: int, expected: float) -> None:
    assert adapted(model, stood, undone)["merge_agreement"] == pytest.approx(expected)
    assert model.thresholds.merge_agreement == pytest.approx(expected)
    assert model.options.merge_agreement == 0.98


def test_novelty_rises_once_for_a_refused_growth(make_model: Make) -> None:
    model = make_model(meta=True, max_experts=1)
    monitored = make_model(meta=True, max_experts=2)
    model.meta.hear("growth-refused", {})
    monitored.meta.hear("growth-refused", {})
    monitored.meta.hear("growth", {"expert": 1})
    assert adapted(model)["novelty"] == pytest.approx(0.11)
    assert adapted(monitored)["novelty"] == pytest.approx(0.1)  # a growth came after it


def test_a_growth_that_the_model_refuses_is_heard_of(make_model: Make) -> None:
    model = make_model(max_experts=1)
    assert not model.grow(Look(closest=0, novelty=1.0))
    assert model.meta.refused


@pytest.mark.parametrize(("most", "expected"), [(1, 0.11), (2, 0.1)])
def test_novelty_rises_where_experts_are_almost_as_many_as_may_be(make_model: Make, most: int, expected: float) -> None:
    assert adapted(make_model(meta=True, max_experts=most))["novelty"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("reused", "now", "expected"),
    [(0, 0.7, 0.09), (0, 0.86, 0.1), (1, 0.7, 0.1), (0, 0.95, 0.1)],  # one standard error is 0.046 at 0.86
)
def test_novelty_falls_where_a_re_used_expert_lost_accuracy(
    model: MorphModel, reused: int, now: float, expected: float
) -> None:
    model.meta.accuracies = {0: (0.9, 100)}
    model.note("reuse", expert=reused)
    assert adapted(model, now=now)["novelty"] == pytest.approx(expected)
    model.meta.accuracies = {0: (0.9, 100)}
    assert adapted(model, now=0.5)["novelty"] == pytest.approx(expected)  # not re-used since that sleep


def test_the_detector_follows_and_so_does_a_loaded_model(model: MorphModel, make_model: Make) -> None:
    model.note("growth-refused", reason="max_experts")
    adapted(model)
    model.note("growth-refused", reason="max_experts")
    model.note("reuse", expert=0)
    model.meta.accuracies = {0: (0.75, 8)}
    loaded = make_model(meta=True)
    loaded.load_state_dict(copy.deepcopy(model.state_dict()))
    for other in (model, loaded):
        assert isinstance(other.watch.detector, NoveltyDetector)
        assert other.watch.detector.threshold == pytest.approx(0.11)
        assert other.tuned == {"merge_agreement": 0.98, "novelty": pytest.approx(0.11)}
        assert (other.meta.refused, other.meta.reused, other.meta.accuracies) == (True, {0}, {0: (0.75, 8)})
    assert Look(closest=0, novelty=0.105).value(loaded.thresholds) < loaded.thresholds.novelty


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.booleans(), st.booleans()), max_size=60))
def test_thresholds_stay_within_their_bounds(make_model: Make, sleeps: list[tuple[int, int, bool, bool]]) -> None:
    model = make_model(meta=True)
    for stood, undone, refused, fell in sleeps:
        model.meta.refused, model.meta.reused, model.meta.accuracies = refused, {0}, {0: (0.9, 100)}
        tuned = adapted(model, stood, undone, now=0.1 if fell else 0.9)
        assert 0.9 <= tuned["merge_agreement"] <= 0.999
        assert 0.02 <= tuned["novelty"] <= 1


def test_an_option_beyond_the_bounds_is_where_adapting_starts(make_model: Make) -> None:
    model = make_model(meta=True, novelty=5.0, merge_agreement=0.5)
    assert adapted(model) == {"merge_agreement": 0.5, "novelty": 5.0}


def test_accuracies_are_those_of_the_samples_that_each_expert_owns(trained: MorphModel) -> None:
    with torch.no_grad():
        held = HeldOut(trained)
        found, hits = accuracies(trained, held), held.hits()
    assert sum(count for _, count in found.values()) == len(held)
    assert sum(share * count for share, count in found.values()) == pytest.approx(int(hits.sum()))
    assert found.keys() == set(trained.numbers)
    assert trained.meta.accuracies == found


def test_a_sleep_tells_what_it_tuned_and_an_undone_merge_makes_the_next_one_harder(
    trained: MorphModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = copy.deepcopy(trained)
    model._admit(None)  # neither of the two is in training now
    impossible = {"merge_agreement": 0.91, "bound": -2.0, "calibrate": False}  # tried, but never good enough
    monkeypatch.setattr(model, "options", model.options.model_copy(update=impossible))
    model.tuned = {}
    net = copy.deepcopy(model.pool.net(0))
    model.pool.replace(1, net)
    model.graph.set_similarity(torch.ones(3, 3), model.numbers)
    monkeypatch.setattr("morph_cl.morph.sleep.cycle.renew_graph", lambda model, held: None)
    detail = model.sleep()
    assert detail["merged"] == []
    assert detail["tuned"]["merge_agreement"] == pytest.approx(next_agreement(0.91, 0, 1))
    assert model.tuned == detail["tuned"]


def test_without_meta_nothing_is_tuned(experience: Train, make_model: Make, make_samples: Samples) -> None:
    model = make_model(boundaries="aware", max_experts=1)
    for number in range(2):
        experience(model, *make_samples(300, number, number))
    assert "growth-refused" in [event.kind for event in model.pending]
    assert model.tuned == {}
    assert model.thresholds is model.options
    assert all("tuned" not in event.detail for event in model.pending)


def test_a_learner_without_figures_sees_no_fall() -> None:
    learner = MetaLearner()
    learner.hear("reuse", {"expert": 0})
    assert not learner.fell({0: (0.0, 50)}, bound=0.0)
