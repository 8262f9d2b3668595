"""Screening looks at the likeliest expert first, and closely at those alone that come near what it says."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from morph_cl.morph.densities import Densities
from morph_cl.morph.expert_density import ABSENT
from morph_cl.morph.model import MorphModel

Samples = Callable[..., tuple[Tensor, Tensor]]


@pytest.fixture
def x(make_samples: Samples) -> Tensor:
    return torch.cat([make_samples(40, domain, 7)[0] for domain in range(3)])


def screen(
    model: MorphModel, x: Tensor, margin: float, monkeypatch: pytest.MonkeyPatch, allowed: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    monkeypatch.setattr(model, "options", model.options.model_copy(update={"margin": margin}))
    evidence = model.evidence(x, allowed)
    assert evidence.density is not None
    assert evidence.asked is not None
    return evidence.density, evidence.asked


def test_with_a_boundless_margin_all_are_asked_and_say_what_the_mixtures_say(
    grown: MorphModel, x: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    density, asked = screen(grown, x, 1e6, monkeypatch)
    assert bool(asked.all())
    torch.testing.assert_close(density, grown.concepts.log_density(x), rtol=1e-4, atol=1e-3)


@torch.no_grad()
def test_asked_are_the_likeliest_and_whoever_comes_within_the_margin_of_what_it_says(
    grown: MorphModel, x: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, full = grown.gate(x), grown.concepts.log_density(x)
    rough = grown.mixture.promise(grown.concepts.densities.nearest(grown.concepts.projection(x)), gate)
    best = rough.argmax(1, keepdim=True)
    behind = grown.mixture.promise(full.amax(2), gate).gather(1, best) - rough
    margin = float(behind.median())  # among the domains of this stream few experts are ever near
    density, asked = screen(grown, x, margin, monkeypatch)
    assert torch.equal(asked, (behind <= margin).scatter(1, best, True))
    assert 1.0 < float(asked.sum(1).float().mean()) < 3.0
    torch.testing.assert_close(density[asked], full[asked], rtol=1e-4, atol=1e-3)
    assert bool((density[~asked] == ABSENT).all())


@torch.no_grad()
@pytest.mark.parametrize("closely", [1, 2])
def test_of_many_that_come_near_the_likeliest_are_asked(
    grown: MorphModel, x: Tensor, monkeypatch: pytest.MonkeyPatch, closely: int
) -> None:
    monkeypatch.setattr(grown, "options", grown.options.model_copy(update={"closely": closely}))
    _, asked = screen(grown, x, 1e6, monkeypatch)
    z = grown.concepts.projection(x)
    rough = grown.mixture.promise(grown.concepts.densities.nearest(z), grown.gate(x))
    assert torch.equal(asked, torch.zeros_like(asked).scatter(1, rough.topk(closely, 1).indices, True))
    few = screen(grown, x, 0.0, monkeypatch)[1].sum(1)
    assert bool((few <= closely).all())  # it takes none in


def test_nobody_is_asked_twice(grown: MorphModel, x: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted: list[Tensor] = []
    fill = Densities.fill
    monkeypatch.setattr(Densities, "fill", lambda *told: (wanted.append(told[3].clone()), fill(*told))[1])
    _, asked = screen(grown, x, 30.0, monkeypatch)
    assert torch.equal(torch.stack(wanted).sum(0), asked.long())
    assert torch.equal(wanted[0].sum(1), torch.ones(len(x), dtype=torch.int64))


@torch.no_grad()
def test_classes_outside_a_task_neither_promise_nor_set_the_level(
    grown: MorphModel, x: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    z, gate = grown.concepts.projection(x), grown.gate(x)
    rough = grown.mixture.promise(grown.concepts.densities.nearest(z, torch.tensor([True, False, False])), gate)
    best = rough.argmax(1, keepdim=True)
    level = grown.mixture.promise(grown.concepts.log_density(x)[:, :, 0], gate).gather(1, best)
    margin = float((level - rough).median())
    density, asked = screen(grown, x, margin, monkeypatch, torch.tensor([True, False, False]))
    assert torch.equal(asked, (rough >= level - margin).scatter(1, best, True))
    assert not torch.equal(asked, screen(grown, x, margin, monkeypatch)[1])  # all classes ask others
    assert bool((density[:, :, 1:] == ABSENT).all())
