from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor

from morph_cl.morph.densities import Densities
from morph_cl.morph.mixture import NAMES, Mixture
from morph_cl.morph.model import MorphModel
from morph_cl.morph.sleep import HeldOut, Undo, merge_pair, remove_expert


def test_merges_that_are_tried_and_undone_ask_each_network_once_at_most_about_a_sample(
    grown: MorphModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"merge_agreement": 1e-9, "bound": -2.0}  # every pair is tried, nothing is accepted
    monkeypatch.setattr(grown, "options", grown.options.model_copy(update=options))
    asked: dict[torch.nn.Module, list[Tensor]] = {}
    answer = grown.pool.forward

    def count(number: int, x: Tensor) -> Tensor:
        asked.setdefault(grown.pool.net(number), []).extend(x)
        return answer(number, x)

    monkeypatch.setattr(grown.pool, "forward", count)
    held = HeldOut(grown)
    with torch.no_grad():
        before = held.verdict().accuracy
        assert not merge_pair(grown, keep=0, drop=1, held=held)
        assert not merge_pair(grown, keep=1, drop=0, held=held)
        assert held.verdict().accuracy == before
    assert len(asked) == 3 + 2  # three experts, and the mean of each trial
    for samples in asked.values():
        assert len(samples) == len({tuple(sample.flatten().tolist()) for sample in samples})


def test_experts_are_asked_only_about_what_is_routed_to_them(grown: MorphModel) -> None:
    held = HeldOut(grown)
    with torch.no_grad():
        choice = grown.mixture.choose(held.evidence(), len(grown.pool))
        said = choice.of(torch.stack([held.answers.of(n, torch.zeros(len(held)).bool()) for n in grown.numbers], 1))
        assert not bool(said.any())  # nobody was asked yet
        matters = choice.chosen.isfinite()
        assert not bool(matters.all())
        said = held.answers.to(choice)
        every = torch.stack([grown.pool(number, held.x) for number in grown.numbers], 1)
        torch.testing.assert_close(said[matters], choice.of(every)[matters])
        assert not bool(said[~matters].any())


def test_the_outputs_are_those_of_the_model(grown: MorphModel) -> None:
    held = HeldOut(grown)
    grown.eval()
    with torch.no_grad():
        assert torch.allclose(held.outputs(), grown(held.x), atol=1e-5)


def test_what_is_kept_equals_what_is_computed_anew_after_a_removal_and_its_undoing(grown: MorphModel) -> None:
    held = HeldOut(grown)
    before = held.outputs(), held.shares()
    state = copy.deepcopy(grown.state_dict())
    undo = Undo(grown, held)
    with torch.no_grad():
        remove_expert(grown, 0, 1)
        held.forget_tables()
        fresh = HeldOut(grown)
        assert torch.allclose(held.outputs(), fresh.outputs(), atol=1e-5)  # asked in other batches
        assert torch.equal(held.shares(), fresh.shares())
        assert held.verdict().accuracy == fresh.verdict().accuracy
        undo.restore(grown)
    assert torch.equal(held.outputs(), before[0])
    assert torch.equal(held.shares(), before[1])
    after = grown.state_dict()
    assert all(torch.equal(after[name], state[name]) for name in state if name != "_extra_state")
    assert after["_extra_state"]["graph"] == state["_extra_state"]["graph"]
    assert after["_extra_state"]["numbers"] == state["_extra_state"]["numbers"]


@pytest.mark.parametrize("margin", [0.5, 8.0])
def test_tables_that_are_renewed_are_those_that_are_asked_anew(
    grown: MorphModel, margin: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grown, "options", grown.options.model_copy(update={"margin": margin}))
    held = HeldOut(grown)
    before = held.evidence().asked
    with torch.no_grad():
        grown.gate.bias.copy_(torch.tensor([9.0, -9.0, 0.0]))
        asked: list[Tensor] = []
        fill = Densities.fill
        monkeypatch.setattr(Densities, "fill", lambda *told: (asked.append(told[3]), fill(*told))[1])
        held.renew_tables()
        missing = torch.stack(asked).any(0)
        renewed, fresh = held.evidence(), grown.evidence(held.x)
    for part in ("density", "gate", "asked"):
        torch.testing.assert_close(getattr(renewed, part), getattr(fresh, part), rtol=1e-5, atol=1e-3)
    assert before is not None
    assert not bool((missing & before).any())  # what was known was not asked again


@pytest.mark.parametrize("concept", [-3.0, 2.0])
def test_calibration_goes_to_where_loss_and_pull_to_the_defaults_are_least(grown: MorphModel, concept: float) -> None:
    held, mixture, defaults = HeldOut(grown), grown.mixture, Mixture(2).weights

    def objective() -> float:
        return held.verdict().loss + float((mixture.weights - defaults).square().sum()) / (2 * len(held))

    def fit() -> float:
        mixture.calibrate(held.evidence(), len(grown.pool), held.answers.to, held.y)
        return objective()

    mixture.weights[NAMES.index("concept")] = concept
    before, first = objective(), fit()
    weights = mixture.weights.clone()
    assert not weights.requires_grad
    assert first < before
    assert fit() == pytest.approx(first, abs=1e-3)
    torch.testing.assert_close(mixture.weights, weights, rtol=0.0, atol=0.1)
