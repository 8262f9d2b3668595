"""Rough Gaussians are Gaussians whose first axes are independent of all others; groups are summed at once."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import MultivariateNormal

from morph_cl.morph.gaussians import group_sums, moments, quadratic_form, rough_form, whitening
from morph_cl.morph.projection import monomials


def gaussians(count: int, width: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(count, 4 * width + 4, width, generator=generator, dtype=torch.float64)
    return points.mean(1) + torch.randn(count, width, generator=generator, dtype=torch.float64), torch.stack(
        [cloud.T.cov().reshape(width, width) for cloud in points]
    )


@given(st.integers(1, 8), st.integers(0, 10), st.integers(0, 99))
def test_they_have_the_log_density_of_what_is_left_of_the_covariance(width: int, joint: int, seed: int) -> None:
    mean, covariance = gaussians(3, width, seed)
    last = torch.arange(width) >= width - joint
    left = covariance * (torch.eye(width, dtype=torch.bool) | (last[:, None] & last))
    z = torch.randn(6, width, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    expected = MultivariateNormal(mean[:, None], left[:, None]).log_prob(z.expand(3, -1, -1))
    torch.testing.assert_close(rough_form(mean, covariance, joint) @ monomials(z, joint), expected)


def test_with_all_axes_joint_nothing_is_rough() -> None:
    mean, covariance = gaussians(2, 5, 0)
    torch.testing.assert_close(
        rough_form(mean, covariance, 25), quadratic_form(mean, torch.linalg.cholesky(covariance))
    )


@given(st.lists(st.integers(0, 4), min_size=1, max_size=30), st.integers(1, 6), st.integers(0, 99))
def test_sums_of_groups_are_the_sums_of_their_monomials(groups: list[int], width: int, seed: int) -> None:
    z = torch.randn(len(groups), width, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    group = torch.tensor(groups)
    expected = [monomials(z[group == number]).sum(1) for number in range(5)]
    torch.testing.assert_close(group_sums(z, group, 5), torch.stack(expected))


def test_sums_of_groups_tell_their_moments() -> None:
    z = torch.randn(50, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    count, mean, covariance = moments(group_sums(z, torch.zeros(50, dtype=torch.int64), 1))
    assert count.tolist() == [50.0]
    torch.testing.assert_close(mean[0], z.mean(0))
    torch.testing.assert_close(covariance[0], z.T.cov(correction=0))


def test_along_whitening_axes_the_mean_is_zero_and_the_covariance_one() -> None:
    mean, covariance = gaussians(4, 3, 0)
    count = torch.tensor([1.0, 5.0, 0.0, 2.0], dtype=torch.float64)
    centre, axes = whitening(count, mean, covariance)
    share = count / count.sum()
    torch.testing.assert_close(share @ ((mean - centre) @ axes.T), torch.zeros(3, dtype=torch.float64))
    pooled = (share[:, None, None] * (axes @ covariance @ axes.T)).sum(0)
    torch.testing.assert_close(pooled, torch.eye(3, dtype=torch.float64))


def test_where_nothing_counts_axes_stay_as_they_are() -> None:
    mean, covariance = gaussians(2, 3, 0)
    centre, axes = whitening(torch.zeros(2, dtype=torch.float64), mean, covariance)
    assert not bool(centre.any())
    torch.testing.assert_close(axes, torch.eye(3, dtype=torch.float64))
