"""Monomials: one gather and a product for each row give the same, to the bit."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from morph_cl.morph.projection import monomial_count, monomials


def by_definition(z: Tensor) -> Tensor:
    first, second = torch.triu_indices(z.shape[1], z.shape[1])
    return torch.cat([z.T[first] * z.T[second], z.T, torch.ones(1, len(z))])


@settings(max_examples=20)
@given(st.integers(254, 260), st.integers(1, 12), st.integers(0, 999))
def test_they_are_the_same_on_both_sides_of_the_switch(size: int, width: int, seed: int) -> None:
    z = torch.randn(size, width, generator=torch.Generator().manual_seed(seed))
    assert torch.equal(monomials(z), by_definition(z))


@pytest.mark.parametrize("size", [1, 255, 256, 257])
def test_a_sample_has_the_same_ones_in_a_small_batch_and_a_large_one(size: int) -> None:
    z = torch.randn(600, 9, generator=torch.Generator().manual_seed(0))
    assert torch.equal(monomials(z[:size]), monomials(z)[:, :size])


@given(st.integers(1, 9), st.integers(0, 12), st.sampled_from([3, 300]))
def test_the_first_axes_may_be_left_with_their_squares(width: int, joint: int, size: int) -> None:
    z = torch.randn(size, width, generator=torch.Generator().manual_seed(width))
    alone = max(width - joint, 0)
    found = monomials(z, joint)
    assert torch.equal(found, torch.cat([z.T[:alone].square(), _last_of(z, alone), z.T, torch.ones(1, size)]))
    assert len(found) == monomial_count(width, joint)


def _last_of(z: Tensor, alone: int) -> Tensor:
    last = z.T[alone:]
    first, second = torch.triu_indices(len(last), len(last))
    return last[first] * last[second]
