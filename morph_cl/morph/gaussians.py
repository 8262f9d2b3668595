"""Gaussians from sums of monomials: moments, quadratic forms, and halving one without its samples.

The sums of the monomials of degree two, one and zero of some points (see :func:`~morph_cl.morph.projection.monomials`)
are the sufficient statistics of their Gaussian, and its log-density is linear in the same monomials.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from morph_cl.errors import UsageError
from morph_cl.morph.projection import monomial_count

_HALF_MEAN = math.sqrt(2.0 / math.pi)  # mean of the positive half of a standard normal


def width_of(monomials: int) -> int:
    """Number of axes d that has d (d + 1) / 2 + d + 1 monomials."""
    return (math.isqrt(8 * monomials + 1) - 3) // 2


def moments(sums: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Counts, means and covariances of what was summed.

    Args:
        sums: (N, monomials).

    Returns:
        (N,), (N, d) and (N, d, d) float64.
    """
    width = width_of(sums.shape[-1])
    upper = torch.triu_indices(width, width, device=sums.device)
    sums = sums.double()
    count = sums[:, -1].clamp_min(1.0)
    mean = sums[:, -1 - width : -1] / count[:, None]
    square = sums.new_zeros(len(sums), width, width)
    square[:, upper[0], upper[1]] = sums[:, : upper.shape[1]] / count[:, None]
    square[:, upper[1], upper[0]] = square[:, upper[0], upper[1]]
    return sums[:, -1], mean, square - mean.unsqueeze(-1) * mean.unsqueeze(-2)


def group_sums(z: Tensor, group: Tensor, groups: int) -> Tensor:
    """Sums of the monomials of points, group by group: what :func:`moments` takes.

    A group is one product of its points with themselves, which takes fewer operations than a sum over points for each
    group and monomial, by the number of groups.

    Args:
        z: (B, d), at least one.
        group: (B,) int64, the group of each.
        groups: how many.

    Returns:
        (groups, monomials).
    """
    width = z.shape[1]
    points = torch.cat([z, torch.ones_like(z[:, :1])], 1)[group.argsort(stable=True)]
    sizes = group.bincount(minlength=groups)
    met = sizes.nonzero().squeeze(1)
    products = torch.stack([own.T @ own for own in torch.split(points, sizes[met].tolist())])
    upper = torch.triu_indices(width, width, device=z.device)
    sums = z.new_zeros(groups, monomial_count(width))
    sums[met] = torch.cat([products[:, upper[0], upper[1]], products[:, -1]], 1)
    return sums


def sums_of(count: Tensor, mean: Tensor, covariance: Tensor) -> Tensor:
    """The inverse of :func:`moments`.

    Args:
        count: (N,).
        mean: (N, d).
        covariance: (N, d, d).

    Returns:
        (N, monomials) of their type.
    """
    upper = torch.triu_indices(mean.shape[1], mean.shape[1], device=mean.device)
    square = covariance + mean.unsqueeze(-1) * mean.unsqueeze(-2)
    return torch.cat([square[:, upper[0], upper[1]], mean, torch.ones_like(mean[:, :1])], 1) * count[:, None]


def halved(sums: Tensor) -> tuple[Tensor, Tensor]:
    """Cut each Gaussian in two by the plane through its mean across its longest axis.

    The two halves have together the count, mean and covariance of the whole: what is summed stays the same.

    Args:
        sums: (N, monomials).

    Returns:
        The sums of the two halves, both (N, monomials) of the same type.
    """
    count, mean, covariance = moments(sums)
    values, vectors = torch.linalg.eigh(covariance)
    step = _HALF_MEAN * values[:, -1].clamp_min(0.0).sqrt()[:, None] * vectors[:, :, -1]
    inner = covariance - step.unsqueeze(-1) * step.unsqueeze(-2)
    halves = [sums_of(count / 2, mean + sign * step, inner).to(sums.dtype) for sign in (1.0, -1.0)]
    return halves[0], halves[1]


def quadratic_form(mean: Tensor, factor: Tensor) -> Tensor:
    """Coefficients of log-densities in the monomials.

    Args:
        mean: (N, d).
        factor: (N, d, d) Cholesky factors of the covariances.

    Returns:
        (N, monomials) of their type.
    """
    width = mean.shape[-1]
    upper = torch.triu_indices(width, width, device=mean.device)
    precision = torch.cholesky_inverse(factor)
    twice = torch.where(upper[0] == upper[1], 0.5, 1.0).to(mean)
    quadratic = -precision[:, upper[0], upper[1]] * twice
    linear = (precision @ mean.unsqueeze(-1)).squeeze(-1)
    log_det = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    constant = -0.5 * (linear * mean).sum(-1) - log_det - 0.5 * width * math.log(2 * math.pi)
    return torch.cat([quadratic, linear, constant.unsqueeze(-1)], -1)


def rough_form(mean: Tensor, covariance: Tensor, joint: int) -> Tensor:
    """Coefficients of log-densities of Gaussians whose first axes are taken to be independent of all others.

    Args:
        mean: (N, d).
        covariance: (N, d, d), positive definite; of the first axes only the variances count.
        joint: how many of the last axes keep their covariances.

    Returns:
        (N, monomials) of their type, for :func:`~morph_cl.morph.projection.monomials` with the same ``joint``.
    """
    alone = max(mean.shape[1] - joint, 0)
    _, factor = factorize(covariance[:, alone:, alone:])
    together = quadratic_form(mean[:, alone:], factor)
    products = together.shape[1] - (mean.shape[1] - alone) - 1
    variance, first = covariance.diagonal(dim1=1, dim2=2)[:, :alone], mean[:, :alone]
    constant = -0.5 * (first.square() / variance + variance.log() + math.log(2 * math.pi)).sum(1, keepdim=True)
    own = [-0.5 / variance, together[:, :products], first / variance, together[:, products:-1]]
    return torch.cat([*own, together[:, -1:] + constant], 1)


def whitening(count: Tensor, mean: Tensor, covariance: Tensor) -> tuple[Tensor, Tensor]:
    """Axes along which Gaussians together have mean zero and, on average, the identity as covariance.

    Args:
        count: (N,) how much each counts.
        mean: (N, d).
        covariance: (N, d, d).

    Returns:
        Centre (d,) and lower triangular axes (d, d): ``axes @ (x - centre)`` is a point along them. The origin and the
        identity where nothing counts.
    """
    eye = torch.eye(mean.shape[1], dtype=mean.dtype, device=mean.device)
    share = count / count.sum().clamp_min(1e-9)
    pooled = (share[:, None, None] * covariance).sum(0) + (1.0 - share.sum()) * eye
    _, factor = factorize(pooled)
    return share @ mean, torch.linalg.solve_triangular(factor, eye, upper=False)


def divergence(mean: Tensor, covariance: Tensor, factor: Tensor) -> Tensor:
    """Symmetric Kullback-Leibler divergence between any two Gaussians.

    Args:
        mean: (N, d).
        covariance: (N, d, d).
        factor: (N, d, d), its Cholesky factors.

    Returns:
        (N, N) in nats.
    """
    precision = torch.cholesky_inverse(factor)
    traces = covariance.flatten(1) @ precision.flatten(1).T  # [i, j] = tr(S_i P_j)
    outer = (mean.unsqueeze(-1) * mean.unsqueeze(-2)).flatten(1) @ precision.flatten(1).T
    linear = (precision @ mean.unsqueeze(-1)).squeeze(-1)
    distance = outer - 2 * mean @ linear.T + (linear * mean).sum(1)  # [i, j] = (m_i - m_j)' P_j (m_i - m_j)
    one_way = 0.5 * (traces + distance - mean.shape[1])
    return (one_way + one_way.T).clamp_min(0.0)


def factorize(covariance: Tensor) -> tuple[Tensor, Tensor]:
    """Cholesky factors, with more on the diagonal wherever rounding made a covariance indefinite.

    The statistics are sums in single precision: few samples far from the origin leave errors beyond the ridge.

    Args:
        covariance: (..., d, d) symmetric.

    Returns:
        The covariances as factored, and their factors, both (..., d, d).

    Raises:
        UsageError: a covariance is not finite.
    """
    if not bool(covariance.isfinite().all()):
        raise UsageError("a concept's statistics are not finite; scale the inputs down before training.")
    size = covariance.diagonal(dim1=-2, dim2=-1).abs().mean(-1)[..., None, None]
    eye = torch.eye(covariance.shape[-1], dtype=covariance.dtype, device=covariance.device)
    share = 1e-6
    while True:
        factor, failed = torch.linalg.cholesky_ex(covariance)
        if not bool(failed.any()):
            return covariance, factor
        covariance = covariance + eye * size * share * (failed > 0)[..., None, None]
        share *= 10
