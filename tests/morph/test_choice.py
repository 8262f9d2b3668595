"""Who answers: the likeliest experts, whatever way they are found."""

from __future__ import annotations

import pytest
import torch

from morph_cl.morph.mixture import Evidence, Mixture


@pytest.mark.parametrize("experts", [1, 2, 15, 16, 64])
@pytest.mark.parametrize("top_k", [1, 2, 3])
def test_the_likeliest_answer_best_first(experts: int, top_k: int) -> None:
    density = torch.randn(200, experts, 1, generator=torch.Generator().manual_seed(0)).requires_grad_()
    mixture = Mixture(top_k)
    choice = mixture.choose(Evidence(density, gate=None, prior=None, shared=None), experts)
    count = min(top_k, experts)
    best, rows = density.squeeze(2).topk(count, 1)
    assert torch.equal(choice.rows, rows)
    expected = (best * mixture.weight("sharpness")).log_softmax(1)
    kept = choice.chosen.isfinite()
    assert bool(kept[:, 0].all())
    assert bool((expected - expected[:, :1])[~kept].lt(-3.5).all())  # 0.02 of the best
    torch.testing.assert_close(choice.chosen.exp().sum(1), torch.ones(200))
    all_matter = kept.all(1)
    torch.testing.assert_close(choice.chosen[all_matter], expected[all_matter])
    (slope,) = torch.autograd.grad(choice.chosen[:, 0].sum(), density)
    assert bool(slope.any()) == (count > 1)
