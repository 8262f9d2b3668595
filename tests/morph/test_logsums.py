"""The logarithm of a sum of exponentials is torch's own, bit for bit, and so is its gradient where it is anything."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from morph_cl.morph.logsums import log_normalized, log_sum_exp


def values_of(seed: int, spread: float) -> torch.Tensor:
    values = spread * torch.randn(4, 7, 5, generator=torch.Generator().manual_seed(seed))
    values[1, 2:] = -1e30
    values[2, 3, 0] = -torch.inf
    return values


@given(st.integers(0, 2**31), st.sampled_from([0.1, 10.0, 300.0, 1e5]), st.sampled_from([0, 1, 2]))
def test_it_is_that_of_torch(seed: int, spread: float, dim: int) -> None:
    values = values_of(seed, spread)
    assert torch.equal(log_sum_exp(values, dim), values.logsumexp(dim))


@given(st.integers(0, 2**31), st.sampled_from([0.1, 10.0, 300.0]))
def test_its_gradient_is_the_share_of_each_term(seed: int, spread: float) -> None:
    values = values_of(seed, spread)[0].requires_grad_(True)
    (gradient,) = torch.autograd.grad(log_sum_exp(values, 0).sum(), values)
    torch.testing.assert_close(gradient, values.detach().softmax(0))


@given(st.integers(0, 2**31), st.sampled_from([0.1, 10.0, 300.0, 1e5]), st.sampled_from([0, 1, 2]))
def test_log_probabilities_are_those_of_torch(seed: int, spread: float, dim: int) -> None:
    values = values_of(seed, spread)
    torch.testing.assert_close(log_normalized(values, dim), values.log_softmax(dim))
