"""Densities are kept while an expert rests, and are those that a fresh computation gives."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import MultivariateNormal

from morph_cl.morph import densities, expert_density, precision
from morph_cl.morph.concepts import Concepts
from morph_cl.morph.expert_density import ABSENT
from morph_cl.morph.logsums import log_sum_exp
from morph_cl.morph.mixture import Evidence

pytestmark = pytest.mark.usefixtures("exact")

CLASSES, X = 3, torch.rand(40, 1, 3, 3, generator=torch.Generator().manual_seed(5))


def grown(*, half: bool) -> Concepts:
    concepts = Concepts(CLASSES, dims=4, shrink=0.2, modes=4, split=8, half=half)
    concepts.fit_projection(X)
    for row in range(3):
        concepts.add_expert()
        concepts.observe(row, X + row, torch.arange(40) % (row + 1))
    return concepts


def act(concepts: Concepts, step: tuple[str, int, int]) -> None:
    """One change of the experts, which is left out where there are too few for it."""
    kind, first, second = step
    row, other = first % len(concepts), second % len(concepts)
    if kind == "observe":
        concepts.open(row)
        concepts.observe(row, X[: second + 1] + second / 5, torch.arange(second + 1) % CLASSES)
    elif kind == "open":
        concepts.open(row)
    elif kind == "grow":
        concepts.add_expert()
    elif kind == "keep" and len(concepts) > 1:
        concepts.keep([r for r in reversed(range(len(concepts))) if r != row])
    elif kind == "fold" and row != other:
        concepts.fold(row, other)
        concepts.keep([r for r in range(len(concepts)) if r != row])
    elif kind == "refresh":
        concepts.refresh()


STEPS = st.tuples(
    st.sampled_from(["observe", "open", "grow", "keep", "fold", "refresh"]), st.integers(0, 9), st.integers(0, 30)
)


@settings(max_examples=40, deadline=None)
@given(st.lists(STEPS, max_size=6), st.booleans())
def test_they_are_those_of_a_fresh_computation_whatever_happened(steps: list[tuple[str, int, int]], half: bool) -> None:
    concepts = grown(half=half)
    for step in steps:
        act(concepts, step)
        fresh = copy.deepcopy(concepts)  # which keeps nothing
        for ask in ("log_density", "coarse_log_density"):
            torch.testing.assert_close(getattr(concepts, ask)(X), getattr(fresh, ask)(X), rtol=1e-4, atol=1e-3)
        for kept, computed in zip(concepts.gaussians(), fresh.gaussians(), strict=True):
            torch.testing.assert_close(kept, computed, rtol=1e-6, atol=1e-8)


def test_what_rests_is_computed_once() -> None:
    concepts = grown(half=True)
    concepts.log_density(X)
    before = [concepts.densities.of(row) for row in range(3)]
    concepts.observe(2, X, torch.arange(40) % CLASSES)
    concepts.refresh()
    after = [concepts.densities.of(row) for row in range(3)]
    assert [old is new for old, new in zip(before, after, strict=True)] == [True, True, False]
    concepts.keep([2, 0])
    assert concepts.densities.of(1) is before[0]


@pytest.mark.parametrize("run", [1, 7, 8_192])
def test_experts_asked_about_some_samples_say_of_them_what_they_say_of_all(
    run: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(densities, "_RUN", run)
    concepts = grown(half=False)
    wanted = torch.rand(40, 3, generator=torch.Generator().manual_seed(1)) < 0.5
    wanted[:, 1] = False  # an expert nobody asks
    everything, asked = concepts.log_density(X), concepts.log_density(X, wanted)
    torch.testing.assert_close(asked[wanted], everything[wanted], rtol=1e-4, atol=1e-3)
    assert bool((asked[~wanted] == ABSENT).all())


def test_no_expert_asked_says_nothing() -> None:
    density = grown(half=False).log_density(X, torch.zeros(40, 3, dtype=torch.bool))
    assert bool((density == ABSENT).all())


def test_nearest_is_the_best_coarse_density_of_the_classes_that_count() -> None:
    concepts = grown(half=False)  # of fewer axes than rough densities keep covariances of
    coarse, z = concepts.coarse_log_density(X), concepts.projection(X)
    torch.testing.assert_close(concepts.densities.nearest(z), coarse.amax(2))
    allowed = torch.arange(CLASSES) == 1
    torch.testing.assert_close(concepts.densities.nearest(z, allowed), coarse[:, :, 1])
    assert bool((concepts.densities.nearest(z, allowed)[:, 0] == ABSENT).all())  # its only concept is class 0


def test_nearest_leaves_out_covariances_of_axes_beyond_those_it_keeps(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (densities, expert_density):
        monkeypatch.setattr(module, "JOINT", 2)
    concepts = grown(half=False)
    z = concepts.projection(X)
    mean, covariance, _ = concepts.gaussians()
    kept = torch.eye(5, dtype=torch.bool)
    kept[-2:, -2:] = True
    rough = MultivariateNormal(mean.flatten(0, 1), (covariance * kept).flatten(0, 1)).log_prob(z[:, None].double())
    rough = rough.view(len(X), 3, CLASSES).masked_fill(~concepts.owned, ABSENT).amax(2).float()
    torch.testing.assert_close(concepts.densities.nearest(z), rough, rtol=1e-4, atol=1e-3)


def test_the_total_of_experts_that_were_asked_is_that_of_all_and_of_others_nothing() -> None:
    density = grown(half=False).log_density(X)
    asked = torch.rand(40, 3, generator=torch.Generator().manual_seed(2)) < 0.5
    total = Evidence(density, None, None, None, asked=asked).total
    assert total is not None
    torch.testing.assert_close(total[asked], log_sum_exp(density, 2)[asked])
    assert bool((total[~asked] == ABSENT).all())


@pytest.mark.parametrize("away", [0.0, 30.0])
def test_in_bfloat16_they_are_the_same_to_a_hundredth(away: float, monkeypatch: pytest.MonkeyPatch) -> None:
    concepts = Concepts(CLASSES, dims=8, shrink=0.2, modes=4, split=8)
    x = torch.randn(300, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    x[:, :, 0] = x[:, :, 1] + 0.01 * x[:, :, 0]  # nearly the same pixels, whose covariance is badly conditioned
    concepts.fit_projection(x)
    for row in range(2):
        concepts.add_expert()
        concepts.observe(row, x + away * row, torch.arange(300) % CLASSES)
    known = [concepts.log_density(x + away * row)[:, row] for row in range(2)]
    nearest = concepts.densities.nearest(concepts.projection(x))
    monkeypatch.setattr(precision, "multiplies_bfloat16", lambda: True)
    for row, exact in enumerate(known):
        torch.testing.assert_close(concepts.log_density(x + away * row)[:, row], exact, rtol=0.01, atol=0.3)
    assert not torch.equal(concepts.log_density(x)[:, 0], known[0])
    torch.testing.assert_close(
        concepts.densities.nearest(concepts.projection(x))[:, 0], nearest[:, 0], rtol=0.01, atol=1.0
    )
