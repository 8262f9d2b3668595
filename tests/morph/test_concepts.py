from __future__ import annotations

import copy
import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from morph_cl.morph.concepts import Concepts
from morph_cl.morph.experts import tensor_bytes
from morph_cl.morph.graph import concept_similarity
from morph_cl.morph.projection import monomials

pytestmark = pytest.mark.usefixtures("exact")


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
    torch.testing.assert_close(streamed.counts, whole.counts)
    torch.testing.assert_close(streamed.log_density(x), whole.log_density(x), rtol=1e-3, atol=1e-2)


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


@settings(max_examples=25)
@given(st.integers(2, 12), st.integers(4, 60), st.integers(0, 1000))
def test_cutting_keeps_count_mean_and_covariance(modes: int, split: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    x, y = torch.randn(400, 1, 4, 4, generator=generator), torch.randint(0, 2, (400,), generator=generator)
    one, many = Concepts(2, dims=4, shrink=0.1), Concepts(2, dims=4, shrink=0.1, modes=modes, split=split)
    for concepts in (one, many):
        concepts.fit_projection(x)
        concepts.add_expert()
        for part_x, part_y in zip(x.split(100), y.split(100), strict=True):
            concepts.observe(0, part_x, part_y)
    assert len(one.modes) == 2 < len(many.modes) <= 2 * modes
    torch.testing.assert_close(many.counts, one.counts)
    for got, expected in zip(many.gaussians(), one.gaussians(), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-3)


def test_modes_describe_what_one_gaussian_cannot() -> None:
    generator = torch.Generator().manual_seed(0)
    side = torch.randint(0, 2, (1_200,), generator=generator) * 2.0 - 1.0
    x = 0.2 * torch.randn(1_200, 1, 2, 2, generator=generator) + 2.0 * side[:, None, None, None]
    scores = []
    for modes in (1, 4):
        concepts = Concepts(1, dims=3, shrink=0.1, modes=modes, split=32)
        concepts.fit_projection(x[:600])
        concepts.add_expert()
        for part in x[:600].split(64):
            concepts.observe(0, part, torch.zeros(len(part), dtype=torch.int64))
        scores.append(float(concepts.log_density(x[600:]).mean()))
    assert scores[1] > scores[0] + 0.2


def test_a_budget_of_modes_holds() -> None:
    concepts = Concepts(3, dims=4, shrink=0.1, modes=16, split=8)
    concepts.most_modes = 7
    x, y = torch.rand(500, 1, 4, 4), torch.arange(500) % 3
    concepts.fit_projection(x)
    concepts.add_expert()
    for part_x, part_y in zip(x.split(50), y.split(50), strict=True):
        concepts.observe(0, part_x, part_y)
    assert len(concepts.modes) == 7


def test_resting_modes_take_half_the_bytes_and_say_the_same() -> None:
    concepts, x, _ = fitted(experts=1)
    single = concepts.log_density(x)
    half = copy.deepcopy(concepts)
    half.modes.in_half = True
    before = tensor_bytes(half.modes)
    half.add_expert()  # the first expert's modes come to rest
    assert tensor_bytes(half.modes) < 0.6 * before
    assert half.counts[0].tolist() == concepts.counts[0].tolist()
    torch.testing.assert_close(half.log_density(x)[:, :1], single, rtol=2e-2, atol=5e-2)
    half.open(0)
    assert len(half.modes.rest) == 0
    torch.testing.assert_close(half.log_density(x)[:, :1], single, rtol=2e-2, atol=5e-2)


def test_only_the_experts_asked_about_are_computed_and_alike() -> None:
    concepts, x, _ = fitted(experts=3)
    wanted = torch.zeros(len(x), 3, dtype=torch.bool)
    wanted[::2, 0] = wanted[::3, 2] = True
    got, everything = concepts.log_density(x, wanted), concepts.log_density(x)
    torch.testing.assert_close(got[wanted], everything[wanted], rtol=1e-4, atol=1e-3)
    assert float(got[~wanted].max()) < -1e29


def test_samples_far_beyond_the_window_rest_as_numbers() -> None:
    torch.manual_seed(0)
    concepts = Concepts(2, 4, 0.1, half=True)
    concepts.add_expert()
    concepts.fit_projection(torch.rand(32, 1, 2, 2) * 1e-3)
    far = torch.rand(40, 1, 2, 2) * 1e3
    concepts.observe(0, far, torch.arange(40) % 2)
    concepts.add_expert()  # the first expert's modes come to rest, in half precision
    assert bool(concepts.modes.rest.isfinite().all())
    assert bool(concepts.log_density(far).isfinite().all())
