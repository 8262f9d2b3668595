"""Routing and dispatch: who is run, on what, and what comes out."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from morph_cl_plugins.moe.gate import balance_loss
from torch.nn import functional

SIZES = st.integers(1, 6).flatmap(lambda experts: st.tuples(st.just(experts), st.integers(1, experts)))
BATCHES = st.integers(1, 20)
SEEDS = st.integers(0, 1_000)


def _images(size, seed):
    return torch.randn(size, 1, 4, 4, generator=torch.Generator().manual_seed(seed))


@given(sizes=SIZES, batch=BATCHES, seed=SEEDS)
def test_only_routed_experts_run_and_each_on_its_own_images_once(make_mixture, sizes, batch, seed):
    experts, k = sizes
    mixture, x = make_mixture(experts, k, seed).eval(), _images(batch, seed)
    routing = mixture.gate(x)
    mixture(x)
    assert sum(len(call) for expert in mixture.experts for call in expert.calls) == batch * k
    for number, expert in enumerate(mixture.experts):
        own = x[routing.chosen[:, number]]
        assert len(expert.calls) == int(len(own) > 0)
        assert all(torch.equal(call, own) for call in expert.calls)


@given(sizes=SIZES, batch=BATCHES, seed=SEEDS)
def test_the_answer_is_the_dense_one_masked_to_the_k_best(make_mixture, sizes, batch, seed):
    experts, k = sizes
    mixture, x = make_mixture(experts, k, seed).eval(), _images(batch, seed)
    probabilities = mixture.gate.scores(x).softmax(1)
    weights = probabilities * (probabilities >= probabilities.topk(k, dim=1).values[:, -1:])
    if k > 1:
        weights = weights / weights.sum(1, keepdim=True)
    everything = torch.stack([expert(x) for expert in mixture.experts], 1)
    torch.testing.assert_close(mixture(x), (weights.unsqueeze(2) * everything).sum(1))


@given(sizes=SIZES, batch=BATCHES, seed=SEEDS)
def test_shares_sum_to_one_and_leave_out_who_is_not_run(make_mixture, sizes, batch, seed):
    experts, k = sizes
    routing = make_mixture(experts, k, seed).gate(_images(batch, seed))
    torch.testing.assert_close(routing.shares.sum(1), torch.ones(batch))
    assert bool((routing.shares >= 0).all())
    assert torch.equal(routing.shares > 0, routing.chosen)
    assert routing.chosen.sum(1).tolist() == [k] * batch


@given(sizes=SIZES, batch=BATCHES, seed=SEEDS)
def test_the_answer_to_an_image_does_not_depend_on_its_batch(make_mixture, sizes, batch, seed):
    mixture, x = make_mixture(*sizes, seed).eval(), _images(batch, seed)
    torch.testing.assert_close(mixture(x), torch.cat([mixture(image) for image in x.split(1)]))


@given(batch=BATCHES, seed=SEEDS, contrast=st.floats(0.5, 5), brightness=st.floats(-3, 3))
def test_a_standardised_mixture_looks_through_contrast_and_brightness(make_mixture, batch, seed, contrast, brightness):
    mixture, x = make_mixture(3, 2, seed, standardise=True).eval(), _images(batch, seed)
    torch.testing.assert_close(mixture(contrast * x + brightness), mixture(x), rtol=1e-3, atol=1e-3)


def test_pixels_are_blanked_for_gate_and_experts_alike_in_training_only(make_mixture):
    mixture, x = make_mixture(2, 2, dropout=0.5), torch.ones(3, 1, 4, 4)
    mixture(x)
    first, second = (expert.calls[0] for expert in mixture.experts)
    assert torch.equal(first, second)
    assert set(first.unique().tolist()) == {0.0, 2.0}
    torch.testing.assert_close(mixture.gate(first).weights, mixture.routing.weights)
    mixture.eval()(x)
    assert torch.equal(mixture.experts[0].calls[1], x)


def test_an_image_of_one_grey_is_no_accident(make_mixture):
    mixture = make_mixture(3, 2, standardise=True).eval()
    torch.testing.assert_close(mixture(torch.full((1, 1, 4, 4), 0.7)), mixture(torch.zeros(1, 1, 4, 4)))


@pytest.mark.parametrize("k", [1, 2])
def test_the_answer_alone_gives_the_gate_a_gradient(make_mixture, k):
    mixture, x = make_mixture(4, k), _images(12, 1)
    functional.cross_entropy(mixture(x), torch.arange(12) % 3).backward()
    assert float(mixture.gate.scores[1].weight.grad.abs().max()) > 1e-4


@given(sizes=SIZES, batch=BATCHES, seed=SEEDS)
def test_balance_is_least_where_all_experts_are_used_alike(make_mixture, sizes, batch, seed):
    experts, k = sizes
    mixture, x = make_mixture(experts, k, seed), _images(batch, seed)
    assert 0 < float(balance_loss(mixture.gate(x))) <= experts / k + 1e-5
    with torch.no_grad():
        mixture.gate.scores[1].weight.zero_()
        mixture.gate.scores[1].bias.zero_()
    assert float(balance_loss(mixture.gate(x))) == pytest.approx(1.0)


def test_balance_is_the_number_of_experts_where_one_is_used_alone(make_mixture):
    mixture, x = make_mixture(4, 1), _images(8, 0)
    with torch.no_grad():
        mixture.gate.scores[1].bias.copy_(torch.tensor([100.0, 0, 0, 0]))
    assert float(balance_loss(mixture.gate(x))) == pytest.approx(4.0)


def test_noise_moves_routes_in_training_only(make_mixture):
    mixture, x = make_mixture(6, 2, noise=True), _images(40, 0)
    assert not torch.equal(mixture.gate(x).chosen, mixture.gate(x).chosen)
    mixture(x).sum().backward()
    assert float(mixture.gate.spread[1].weight.grad.abs().max()) > 0
    mixture.eval()
    assert torch.equal(mixture.gate(x).weights, mixture.gate(x).weights)
    clean = mixture.gate.scores(x).topk(2, dim=1).indices
    assert bool(mixture.gate(x).chosen.gather(1, clean).all())
