from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from morph_cl.errors import UsageError
from morph_cl.morph.budget import bytes_held
from morph_cl.morph.drift import Watch
from morph_cl.morph.intake import begin
from morph_cl.morph.model import MorphModel
from morph_cl.morph.novelty import NoveltyDetector

Make = Callable[..., MorphModel]
Samples = Callable[..., tuple[Tensor, Tensor]]
Train = Callable[..., None]


def covered(optimizer: torch.optim.Optimizer) -> set[int]:
    return {id(p) for group in optimizer.param_groups for p in group["params"]}


def test_free_stream_grows_on_a_turn_and_the_tables_stay_in_step(
    learn: Train, make_model: Make, make_samples: Samples
) -> None:
    model = make_model()
    optimizer = model.make_optimizer()
    learn(model, optimizer, *make_samples(1_200, 0, 0))
    assert len(model.pool) == 1  # a stationary stream grows nothing
    learn(model, optimizer, *make_samples(1_200, 2, 1))
    assert len(model.pool) >= 2
    assert len(model.gate) == len(model.pool) == len(model.concepts) == len(model.graph.experts)
    assert covered(optimizer) == {id(p) for p in model.parameters() if p.requires_grad}
    growth = [event for event in model.pending if event.kind == "growth"]
    assert growth[0].detail["parent"] == 0
    assert float(model.gate.weight.detach().abs().max()) > 0


def test_growth_keeps_the_moments_of_what_stays(learn: Train, make_model: Make, make_samples: Samples) -> None:
    model = make_model(shared=True)
    optimizer = model.make_optimizer()
    learn(model, optimizer, *make_samples(900, 0, 0))
    assert model.shared is not None
    weight = next(model.shared.parameters())
    steps = float(optimizer.state[weight]["step"])
    learn(model, optimizer, *make_samples(900, 2, 1))
    assert len(model.pool) >= 2
    assert float(optimizer.state[weight]["step"]) > steps
    moments = optimizer.state[model.gate.weight]["exp_avg"]
    assert moments.shape == model.gate.weight.shape
    frozen = {id(p) for number in model.numbers if number != model.active for p in model.pool.net(number).parameters()}
    assert not frozen & covered(optimizer)
    assert not frozen & {id(p) for p in optimizer.state}


@settings(max_examples=10)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(20, 200)), min_size=1, max_size=5),
    st.integers(1, 3),
    st.integers(14_000, 60_000),
)
def test_cap_and_budget_hold_under_any_stream(
    learn: Train, make_model: Make, make_samples: Samples, domains: list[tuple[int, int]], cap: int, budget: int
) -> None:
    model = make_model(memory=300, window=32, cooldown=0, patience=1, novelty=0, max_experts=cap, max_bytes=budget)
    optimizer = model.make_optimizer()
    for number, (domain, size) in enumerate(domains):
        learn(model, optimizer, *make_samples(size, domain, number))
        model.sleep()
        assert len(model.pool) <= cap
        assert bytes_held(model) <= budget
        assert len(model.gate) == len(model.pool) == len(model.concepts)


def test_a_budget_too_small_for_one_expert_is_refused_at_once(make_model: Make) -> None:
    with pytest.raises(UsageError, match="max_bytes=4000 is too small"):
        make_model(max_bytes=4_000)


def test_growth_without_room_is_refused_and_told(experience: Train, make_model: Make, make_samples: Samples) -> None:
    model = make_model(boundaries="aware", max_experts=1)
    experience(model, *make_samples(300, 0, 0))
    experience(model, *make_samples(300, 2, 1))
    assert len(model.pool) == 1
    refused = [event.detail["reason"] for event in model.pending if event.kind == "growth-refused"]
    assert refused == ["max_experts"]


@pytest.mark.parametrize("clone", ["closest", "newest", "scratch"])
def test_a_grown_expert_starts_as_it_was_told(
    experience: Train, make_model: Make, make_samples: Samples, clone: str
) -> None:
    model = make_model(boundaries="aware", clone=clone, half=False)
    experience(model, *make_samples(300, 0, 0))
    x, y = make_samples(300, 2, 1)
    model.train()
    begin(model, x, y)
    assert model.active == 1
    old, new = (torch.cat([p.flatten() for p in model.pool.net(n).parameters()]) for n in (0, 1))
    assert torch.equal(old, new) == (clone != "scratch")


def test_a_familiar_experience_goes_to_the_expert_that_knows_it(
    experience: Train, make_model: Make, make_samples: Samples
) -> None:
    model = make_model(boundaries="aware")
    for number, domain in enumerate((0, 2, 0)):
        experience(model, *make_samples(400, domain, number))
    assert len(model.pool) == 2
    assert model.active == 0
    assert [event.kind for event in model.pending if event.kind in ("growth", "reuse")] == ["growth", "reuse"]


def test_frozen_experts_are_half_size_and_do_not_change(
    experience: Train, make_model: Make, make_samples: Samples
) -> None:
    model = make_model(boundaries="aware")
    experience(model, *make_samples(400, 0, 0))
    experience(model, *make_samples(400, 2, 1), steps=0)
    before = copy.deepcopy(model.pool.net(0).state_dict())
    assert {tensor.dtype for tensor in before.values()} == {torch.float16}
    experience(model, *make_samples(400, 2, 2))
    assert model.active == 1
    for name, tensor in model.pool.net(0).state_dict().items():
        assert torch.equal(tensor, before[name])


@pytest.mark.usefixtures("exact")
def test_only_routed_experts_run(
    experience: Train, make_model: Make, make_samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_model(boundaries="aware", graph=False, gate=False, top_k=1)
    for number in range(3):
        experience(model, *make_samples(400, number, number))
    assert len(model.pool) == 3
    rows: dict[int, int] = {}
    logits = type(model.pool).logits

    def counted(pool: Any, number: int, x: Tensor) -> Tensor:
        rows[number] = rows.get(number, 0) + len(x)
        return logits(pool, number, x)

    monkeypatch.setattr(type(model.pool), "logits", counted)
    with torch.no_grad():
        model(make_samples(50, 1, 9)[0])
    assert sum(rows.values()) == 50
    assert rows[1] >= 45


def test_predictions_do_not_depend_on_order_or_batch_size(
    experience: Train, make_model: Make, make_samples: Samples
) -> None:
    model = make_model(boundaries="aware")
    for number in range(3):
        experience(model, *make_samples(300, number, number))
    x = torch.cat([make_samples(40, domain, 20)[0] for domain in range(3)])
    with torch.no_grad():
        whole = model(x)
        order = torch.randperm(len(x))
        torch.testing.assert_close(model(x[order]), whole[order], rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(torch.cat([model(part) for part in torch.split(x, 7)]), whole, rtol=1e-4, atol=1e-4)


def test_evaluation_changes_nothing(experience: Train, make_model: Make, make_samples: Samples) -> None:
    model = make_model(boundaries="aware")
    for number in range(2):
        experience(model, *make_samples(300, number, number))
    before = copy.deepcopy(model.state_dict())
    with torch.no_grad():
        model(make_samples(100, 1, 9)[0])
    after = model.state_dict()
    assert after["_extra_state"]["graph"] == before["_extra_state"]["graph"]
    assert all(torch.equal(after[k], before[k]) for k in before if k != "_extra_state")


def test_the_state_holds_the_grown_shape(experience: Train, make_model: Make, make_samples: Samples) -> None:
    model = make_model(boundaries="aware")
    for number in range(3):
        experience(model, *make_samples(300, number, number))
    again = make_model(boundaries="aware")
    again.load_state_dict(copy.deepcopy(model.state_dict()))
    again.eval()
    assert again.numbers == model.numbers
    assert again.graph.to_json() == model.graph.to_json()
    x, _ = make_samples(60, 1, 9)
    with torch.no_grad():
        assert torch.equal(again(x), model(x))
    clone = copy.deepcopy(model)
    with torch.no_grad():
        assert torch.equal(clone(x), model(x))


def test_logits_are_differentiable_in_both_modes(experience: Train, make_model: Make, make_samples: Samples) -> None:
    model = make_model(boundaries="aware", shared=True)
    for number in range(2):
        experience(model, *make_samples(300, number, number))
    x, y = make_samples(30, 0, 9)
    for training in (True, False):
        model.train(training)
        model.zero_grad()
        logits = model(x)
        assert logits.shape == (30, 3)
        torch.nn.functional.cross_entropy(logits, y).backward()
        assert model.shared is not None
        assert all(p.grad is not None and bool(p.grad.any()) for p in model.shared.parameters())


def test_the_detector_wants_novelty_in_a_row_and_rests_after_growth() -> None:
    watch = Watch(NoveltyDetector(threshold=1.0, patience=2), cooldown=2)
    assert [watch.update(v) for v in (2.0, 0.5, 2.0, 2.0)] == [False, False, False, True]
    watch.grown()
    assert [watch.update(9.0) for _ in range(4)] == [False, False, False, True]


@pytest.mark.parametrize("part", ["gate", "graph", "shared", "calibrate", "merge", "prune"])
def test_every_part_can_be_switched_off(experience: Train, make_model: Make, make_samples: Samples, part: str) -> None:
    model = make_model(boundaries="aware", **{part: False})
    for number in range(2):
        experience(model, *make_samples(300, number, number))
    x, y = make_samples(200, 0, 9)
    with torch.no_grad():
        assert float((model(x).argmax(1) == y).float().mean()) > 0.8
