from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from morph_cl.morph import sleep as sleeping
from morph_cl.morph.model import MorphModel
from morph_cl.morph.sleep import cycle, merging
from morph_cl.morph.sleep.held_out import Verdict

Make = Callable[..., MorphModel]
Samples = Callable[..., tuple[Tensor, Tensor]]
Train = Callable[..., None]


def held_out_verdict(model: MorphModel) -> Verdict:
    with torch.no_grad():
        return sleeping.HeldOut(model).verdict()


def held_out_accuracy(model: MorphModel) -> float:
    return held_out_verdict(model).accuracy


def same(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return bool(a == b)


def test_identical_experts_are_merged(grown: MorphModel) -> None:
    grown.pool.replace(1, copy.deepcopy(grown.pool.net(0)))
    before, counts = held_out_accuracy(grown), grown.concepts.counts.clone()
    with torch.no_grad():
        assert sleeping.merge_pair(grown, keep=0, drop=1)
    assert grown.numbers == [0, 2]
    assert len(grown.gate) == len(grown.concepts) == 2
    assert grown.graph.experts == [0, 2]
    assert torch.equal(grown.concepts.counts[0], counts[0] + counts[1])
    assert set(grown.memory.owner.unique().tolist()) <= {0, 2}
    assert held_out_accuracy(grown) >= before - grown.options.bound


def test_a_merge_that_costs_accuracy_is_undone(grown: MorphModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grown, "options", grown.options.model_copy(update={"merge_agreement": 1e-9, "bound": 0.0}))
    broken = copy.deepcopy(grown.pool.net(0))
    for parameter in broken.parameters():
        parameter.neg_()
    # Every network that the merge tries is useless: both the mean and the one that would be kept.
    monkeypatch.setattr(merging, "averaged", lambda a, b, share: broken)
    grown.pool.replace(0, broken)
    grown.mixture.weights = torch.tensor([1.0, 1e-6, 1e-6, 1e-6, 1.0, 1e-6]).log()
    before = copy.deepcopy(grown.state_dict())
    with torch.no_grad():
        stood = sleeping.merge_pair(grown, keep=0, drop=1)
    after = grown.state_dict()
    assert not stood
    assert grown.numbers == [0, 1, 2]
    assert after.keys() == before.keys()
    assert all(torch.equal(after[k], before[k]) for k in before if k != "_extra_state")
    for name in ("sums", "level"):
        assert torch.equal(after["_extra_state"]["statistics"][name], before["_extra_state"]["statistics"][name])
    assert after["_extra_state"]["graph"] == before["_extra_state"]["graph"]
    assert torch.equal(
        after["_extra_state"]["memory"]["replay"]["owner"], before["_extra_state"]["memory"]["replay"]["owner"]
    )


@pytest.fixture(scope="session")
def three_experts(experience: Train, make_model: Make, make_samples: Samples) -> MorphModel:
    model = make_model(boundaries="aware", merge_agreement=0.5)
    for number in range(3):
        experience(model, *make_samples(300, number, number))
    return model


@settings(max_examples=12)
@given(st.integers(0, 10_000))
def test_no_sleep_costs_more_than_its_bounds_on_held_out_samples(three_experts: MorphModel, seed: int) -> None:
    model = copy.deepcopy(three_experts).eval()
    torch.manual_seed(seed)
    model.mixture.weights = torch.randn(6)  # whatever weights and gate sleep finds
    with torch.no_grad():
        model.gate.weight.normal_()
    before = held_out_verdict(model)
    model.sleep()
    after = held_out_verdict(model)
    assert after.accuracy >= before.accuracy - model.options.bound - 1e-6
    assert after.loss <= before.loss + model.options.loss_bound + 1e-5


def test_a_sleep_that_costs_more_than_its_bounds_is_undone_as_a_whole(
    grown: MorphModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil(model: MorphModel) -> bool:
        with torch.no_grad():
            model.gate.weight.neg_()
        return True

    monkeypatch.setattr(cycle, "train_gate", spoil)
    options = {"merge": True, "merge_agreement": 1e-9, "calibrate": False, "prune_after": 1, "prune": True}
    monkeypatch.setattr(grown, "options", grown.options.model_copy(update=options))
    grown.mixture.weights = torch.tensor([1e-6, 5.0, 0.1, 0.05, 1.0, 0.3]).log()  # the gate alone routes
    grown.graph.set_similarity(torch.full((3, 3), 0.5), grown.numbers)  # relations that a sleep that stands weakens
    grown.pending.clear()
    before = copy.deepcopy(grown.state_dict())
    detail = grown.sleep()
    after = grown.state_dict()
    assert detail["undone"]["accuracy"] < detail["accuracy_before"] - grown.options.bound
    assert detail["accuracy"] == detail["accuracy_before"]
    assert all(torch.equal(after[name], before[name]) for name in before if name != "_extra_state")
    for part in ("statistics", "memory", "numbers", "dormant", "graph"):
        assert same(after["_extra_state"][part], before["_extra_state"][part]), part
    assert [event.kind for event in grown.pending] == ["sleep"]


def test_with_nothing_to_judge_by_sleep_changes_nothing(make_model: Make, make_samples: Samples) -> None:
    model = make_model(holdout=0)
    model.train_step(make_samples(16, 0, 0), model.make_optimizer())
    before = copy.deepcopy(dict(model.named_parameters()))
    assert model.sleep()["held_out"] == 16
    assert all(torch.equal(parameter, before[name]) for name, parameter in model.named_parameters())


def test_an_expert_that_nothing_is_routed_to_is_pruned_but_not_a_young_one(
    experience: Train, make_model: Make, make_samples: Samples
) -> None:
    model = make_model(boundaries="aware", merge=False, prune_after=2)
    for number in range(2):
        experience(model, *make_samples(300, number, number))
    model._admit(0)  # the youngest, in training, without any concept yet
    young = model.active
    model.turn_to(0)
    idle = young
    model._admit(1)
    for _ in range(2):
        model.sleep()
    assert idle not in model.numbers
    assert model.active in model.numbers
    assert [event.detail["expert"] for event in model.pending if event.kind == "prune"] == [idle]


def test_sleep_leaves_mode_and_gradients_alone(grown: MorphModel) -> None:
    grown.train()
    grown.zero_grad(set_to_none=True)
    live = copy.deepcopy(dict(grown.named_parameters()))
    grown.sleep()
    assert grown.training
    for name, parameter in grown.named_parameters():
        assert parameter.grad is None or not bool(parameter.grad.any()), name
        if "gate" not in name:
            assert torch.equal(parameter, live[name])


def test_consolidation_trains_the_shared_expert_on_memory(
    experience: Train, make_model: Make, make_samples: Samples
) -> None:
    model = make_model(boundaries="aware", shared=True, consolidate=True, shared_lr=0.1)
    experience(model, *make_samples(300, 0, 0), steps=2)
    assert model.shared is not None
    images, labels = model.memory.images(torch.arange(len(model.memory))), model.memory.y.long()
    before = float(torch.nn.functional.cross_entropy(model.shared(images), labels))
    model.sleep()
    assert float(torch.nn.functional.cross_entropy(model.shared(images), labels)) < before


def test_the_gate_learns_who_owns_memory(grown: MorphModel, monkeypatch: pytest.MonkeyPatch) -> None:
    with torch.no_grad():
        grown.gate.weight.zero_()
        grown.gate.bias.zero_()
    monkeypatch.setattr(grown, "options", grown.options.model_copy(update={"lr": 0.03, "sleep_steps": 150}))
    grown.sleep()
    images = grown.memory.images(torch.arange(len(grown.memory)))
    hits = grown.gate(images).argmax(1) == grown.rows_of(grown.memory.owner)
    assert float(hits.float().mean()) > 0.8


def test_sleep_tells_the_graph_what_routing_and_densities_say(grown: MorphModel) -> None:
    graph = grown.graph
    signature = graph.signature(1, 0)
    assert signature is not None
    mean, _, _ = grown.concepts.gaussians()
    assert signature.mean == pytest.approx(mean[1, 0].tolist(), abs=1e-4)
    with torch.no_grad():
        held = sleeping.HeldOut(grown)
        shares = grown.mixture.choose(held.evidence(), 3).route.exp()
        leaning = torch.stack([shares[grown.validation.owner == number].mean(0) for number in grown.numbers])
        graph.graph.remove_edges_from([edge for edge in graph.graph.edges(keys=True) if edge[2] == "dependency"])
        sleeping.renew_graph(grown)
    measured = graph.dependency_matrix(grown.numbers)
    expected = leaning.fill_diagonal_(0.0)
    torch.testing.assert_close(measured, expected.where(expected >= 0.01, torch.zeros(())))
    affinity = graph.affinity_matrix(grown.numbers)
    together = bool((affinity >= 0.1).any())
    assert bool(graph.regions(2)) == together
