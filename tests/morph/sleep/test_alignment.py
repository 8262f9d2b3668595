from __future__ import annotations

import copy
import itertools

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from morph_cl.morph.experts import averaged
from morph_cl.morph.sleep.alignment import aligned


def network(seed: int, hidden: tuple[int, ...] = (9, 7)) -> nn.Module:
    torch.manual_seed(seed)
    layers: list[nn.Module] = [nn.Flatten()]
    for width, out in zip((12, *hidden), hidden, strict=False):
        layers += [nn.Linear(width, out), nn.ReLU()]
    return nn.Sequential(nn.Sequential(*layers), nn.Linear(hidden[-1], 4))


def shuffled(net: nn.Module) -> nn.Module:
    """The same function with every hidden layer's units in a random order."""
    clone = copy.deepcopy(net)
    layers = [part for part in clone.modules() if isinstance(part, nn.Linear)]
    with torch.no_grad():
        for layer, following in itertools.pairwise(layers):
            order = torch.randperm(layer.out_features)
            layer.weight.copy_(layer.weight[order])
            layer.bias.copy_(layer.bias[order])
            following.weight.copy_(following.weight[:, order])
    return clone


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([(9,), (9, 7), (8, 8, 8)]), st.booleans())
def test_a_permuted_copy_is_recovered_exactly(seed: int, hidden: tuple[int, ...], half: bool) -> None:
    net = network(seed, hidden)
    net = net.half() if half else net
    other = shuffled(net)
    before = copy.deepcopy(other.state_dict())
    found = aligned(net, other)
    assert found is not None
    assert all(torch.equal(tensor, net.state_dict()[name]) for name, tensor in found.state_dict().items())
    assert all(torch.equal(tensor, before[name]) for name, tensor in other.state_dict().items())
    mean = averaged(net, found, 0.3)
    x = torch.rand(5, 1, 3, 4)
    torch.testing.assert_close(mean.float()(x), net.float()(x), atol=1e-3, rtol=1e-3)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_alignment_keeps_the_answers_and_brings_the_weights_closer(seed: int) -> None:
    reference, other = network(seed), network(seed + 1)
    found = aligned(reference, other)
    assert found is not None
    x = torch.rand(5, 1, 3, 4)
    torch.testing.assert_close(found(x), other(x))

    def distance(net: nn.Module) -> float:
        return sum(float((p - q).square().sum()) for p, q in zip(net.parameters(), reference.parameters(), strict=True))

    assert distance(found) < distance(other)


def test_other_networks_are_not_aligned() -> None:
    convolution = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(4, 2))
    assert aligned(convolution, copy.deepcopy(convolution)) is None
    normed = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 2))
    assert aligned(normed, copy.deepcopy(normed)) is None
    once = nn.Linear(4, 4)
    tied = nn.Sequential(once, nn.ReLU(), once)
    assert aligned(tied, copy.deepcopy(tied)) is None
    assert aligned(network(0), network(0, (9, 8))) is None
