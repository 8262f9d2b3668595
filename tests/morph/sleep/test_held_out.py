from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from morph_cl.morph.model import MorphModel
from morph_cl.morph.sleep import HeldOut, Undo, merge_pair, remove_expert

Make = Callable[..., MorphModel]
Samples = Callable[..., tuple[Tensor, Tensor]]
Train = Callable[..., None]


@pytest.fixture
def grown(experience: Train, make_model: Make, make_samples: Samples) -> MorphModel:
    model = make_model(boundaries="aware", merge=False, prune=False)
    for number in range(3):
        experience(model, *make_samples(300, number, number))
    return model


def test_merges_that_are_tried_and_undone_ask_each_network_once(
    grown: MorphModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"merge_agreement": 1e-9, "bound": -2.0}  # every pair is tried, nothing is accepted
    monkeypatch.setattr(grown, "options", grown.options.model_copy(update=options))
    asked: list[torch.nn.Module] = []
    answer = grown.pool.forward

    def count(number: int, x: Tensor) -> Tensor:
        asked.append(grown.pool.net(number))
        return answer(number, x)

    monkeypatch.setattr(grown.pool, "forward", count)
    held = HeldOut(grown)
    with torch.no_grad():
        before = held.verdict().accuracy
        assert not merge_pair(grown, keep=0, drop=1, held=held)
        assert not merge_pair(grown, keep=1, drop=0, held=held)
        assert held.verdict().accuracy == before
    assert len(asked) == len({id(net) for net in asked}) == 3 + 2  # three experts, and the mean of each trial


def test_what_is_kept_equals_what_is_computed_anew_after_a_removal_and_its_undoing(grown: MorphModel) -> None:
    held = HeldOut(grown)
    before = held.answers(), held.shares()
    state = copy.deepcopy(grown.state_dict())
    undo = Undo(grown, held)
    with torch.no_grad():
        remove_expert(grown, 0, 1)
        held.forget_tables()
        fresh = HeldOut(grown)
        assert torch.equal(held.answers(), fresh.answers())
        assert torch.equal(held.shares(), fresh.shares())
        assert held.verdict().accuracy == fresh.verdict().accuracy
        undo.restore(grown)
    assert torch.equal(held.answers(), before[0])
    assert torch.equal(held.shares(), before[1])
    after = grown.state_dict()
    assert all(torch.equal(after[name], state[name]) for name in state if name != "_extra_state")
    assert after["_extra_state"]["graph"] == state["_extra_state"]["graph"]
    assert after["_extra_state"]["numbers"] == state["_extra_state"]["numbers"]
