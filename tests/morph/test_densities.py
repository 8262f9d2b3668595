"""Densities are kept while an expert rests, and are those that a fresh computation gives."""

from __future__ import annotations

import copy

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from morph_cl.morph.concepts import Concepts

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
