from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from morph_cl.morph.concepts import Concepts
from morph_cl.morph.graph import concept_similarity
from morph_cl.morph.projection import monomials


def fitted(experts: int = 2, classes: int = 3, seed: int = 0) -> tuple[Concepts, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    concepts = Concepts(classes, dims=5, shrink=0.2)
    x = torch.randn(300, 1, 4, 4, generator=generator)
    y = torch.randint(0, classes, (300,), generator=generator)
    x = x + y[:, None, None, None] * 0.7
    concepts.fit_projection(x)
    for row in range(experts):
        concepts.add_expert()
        concepts.observe(row, x + row, y)
    return concepts, x, y


@given(st.integers(1, 9), st.integers(1, 7), st.integers(0, 1000))
def test_monomials_are_products_values_and_one(width: int, size: int, seed: int) -> None:
    z = torch.randn(size, width, generator=torch.Generator().manual_seed(seed))
    upper = torch.triu_indices(width, width)
    expected = torch.cat([z[:, upper[0]] * z[:, upper[1]], z, torch.ones(size, 1)], 1)
    torch.testing.assert_close(monomials(z).T, expected)


def test_log_density_is_that_of_torch_distributions() -> None:
    concepts, x, _ = fitted()
    mean, covariance, _ = concepts.gaussians()
    z = concepts.projection(x[:20]).double()
    got = concepts.log_density(x[:20])
    for expert in range(2):
        for label in range(3):
            normal = torch.distributions.MultivariateNormal(mean[expert, label], covariance[expert, label])
            torch.testing.assert_close(got[:, expert, label].double(), normal.log_prob(z), rtol=1e-3, atol=1e-2)


def test_statistics_are_the_samples_own_and_covariance_leans_on_the_pooled_one() -> None:
    concepts, x, y = fitted(experts=1)
    mean, covariance, _ = concepts.gaussians()
    z = concepts.projection(x).double()
    spreads = [torch.cov(z[y == label].T, correction=0) for label in range(3)]
    counts = torch.bincount(y).double()
    pooled = sum(n * s for n, s in zip(counts, spreads, strict=True)) / counts.sum()
    for label in range(3):
        torch.testing.assert_close(mean[0, label], z[y == label].mean(0), rtol=1e-4, atol=1e-4)
        weight = 0.2 + 6 / (6 + counts[label])
        expected = (1 - weight) * spreads[label] + weight * pooled + 1e-3 * torch.eye(6)
        torch.testing.assert_close(covariance[0, label], expected, rtol=1e-3, atol=1e-3)


@settings(max_examples=20)
@given(st.lists(st.integers(1, 50), min_size=1, max_size=5))
def test_streaming_equals_all_at_once(cuts: list[int]) -> None:
    whole, x, y = fitted(experts=1)
    streamed = Concepts(3, dims=5, shrink=0.2)
    streamed.fit_projection(x)
    streamed.add_expert()
    bounds = sorted({min(sum(cuts[: i + 1]), 300) for i in range(len(cuts))} | {0, 300})
    for start, end in itertools.pairwise(bounds):
        streamed.observe(0, x[start:end], y[start:end])
    torch.testing.assert_close(streamed.sums, whole.sums, rtol=1e-4, atol=1e-3)


def test_a_class_never_met_has_no_concept() -> None:
    concepts = Concepts(3, dims=4, shrink=0.1)
    x, y = torch.rand(50, 1, 4, 4), torch.arange(50) % 2
    concepts.fit_projection(x)
    concepts.add_expert()
    concepts.observe(0, x, y)
    assert concepts.owned.tolist() == [[True, True, False]]
    assert float(concepts.log_density(x)[:, 0, 2].max()) < -1e29
    assert math.isinf(float(concepts.divergence()[0, 2]))


def test_divergence_is_the_symmetric_kullback_leibler_of_torch() -> None:
    concepts, _, _ = fitted()
    mean, covariance, _ = concepts.gaussians()
    normals = [
        torch.distributions.MultivariateNormal(m, c)
        for m, c in zip(mean.flatten(0, 1), covariance.flatten(0, 1), strict=True)
    ]
    got = concepts.divergence()
    for i, a in enumerate(normals):
        for j, b in enumerate(normals):
            kl = torch.distributions.kl_divergence
            assert float(got[i, j]) == pytest.approx(float(kl(a, b) + kl(b, a)), rel=1e-5, abs=1e-6)


def test_similarity_is_one_with_itself_and_falls_with_distance() -> None:
    concepts, _, _ = fitted(experts=3)
    overlap = concept_similarity(concepts.divergence(), 3, concepts.projection.width)
    torch.testing.assert_close(overlap.diagonal(), torch.ones(3).to(overlap))
    torch.testing.assert_close(overlap, overlap.T)
    assert float(overlap[0, 1]) > float(overlap[0, 2])


def test_folding_two_experts_equals_one_that_met_both() -> None:
    concepts, x, y = fitted(experts=2)
    concepts.fold(1, 0)
    concepts.keep([0])
    both = Concepts(3, dims=5, shrink=0.2)
    both.fit_projection(x)
    both.add_expert()
    both.observe(0, torch.cat([x, x + 1]), torch.cat([y, y]))
    torch.testing.assert_close(concepts.log_density(x), both.log_density(x), rtol=1e-3, atol=1e-2)
