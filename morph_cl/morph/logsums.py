"""Logarithms of sums of exponentials, without asking for exponentials that are nothing."""

from __future__ import annotations

from torch import Tensor

NOTHING = -80.0
"""exp of this is 2e-35: added to the greatest term, which is 1, it changes nothing in single or double precision.

What lies lower underflows, and there exp takes a CPU some thirty times as long as elsewhere. Log-densities under
different concepts lie hundreds of nats apart, so nearly all of them would.
"""


def log_sum_exp(values: Tensor, dim: int) -> Tensor:
    """``values.logsumexp(dim)``, bit for bit, in a fraction of the time where values lie far apart.

    Args:
        values: (...) of any floating type, at least one finite along ``dim``.
        dim: the axis to sum over.

    Returns:
        (...) without that axis; differentiable.
    """
    top = values.detach().amax(dim, keepdim=True)
    return _clamped(values - top).exp_().sum(dim).log() + top.squeeze(dim)


def log_normalized(values: Tensor, dim: int) -> Tensor:
    """``values.log_softmax(dim)`` up to rounding, in a fraction of the time where values lie far apart.

    Args:
        values: (...) of any floating type, at least one finite along ``dim``.
        dim: the axis along which probabilities sum to 1.

    Returns:
        (...) log-probabilities; differentiable.
    """
    below = values - values.detach().amax(dim, keepdim=True)
    return below - below.clamp_min(NOTHING).exp_().sum(dim, keepdim=True).log()


def _clamped(below: Tensor) -> Tensor:
    """No less than :data:`NOTHING`, in place where no gradient asks what was clamped."""
    return below.clamp_min(NOTHING) if below.requires_grad else below.clamp_min_(NOTHING)
