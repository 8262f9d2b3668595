"""Hidden units of one network are put in the order of another's, so that the mean of the two means something."""

from __future__ import annotations

import copy

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from morph_cl.morph.frames import Framed

_UNITWISE = (nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid, nn.Softplus, nn.Identity, nn.Dropout)
_SWEEPS = 20  # over all hidden layers; the matching rarely changes after the third


def aligned(reference: nn.Module, net: nn.Module) -> nn.Module | None:
    """A network with the same answers as another, its hidden units in the order of a reference's.

    Weight matching: each hidden layer in turn gets the permutation under which its weights, in and out, have the
    largest inner product with the reference's, until none changes. The start matches incoming weights alone, first
    layer first.

    Args:
        reference: nested ``Sequential`` of linear layers, unit-wise activations and a flattening in front.
        net: another of the same shape; it is left as it is.

    Returns:
        The permuted copy of ``net``; None where the networks are not such, or differ in shape.

    Source: Ainsworth, Hayase, Srinivasa, "Git Re-Basin: Merging Models modulo Permutation Symmetries", ICLR 2023.
    """
    goal, permuted = _linear_chain(reference), copy.deepcopy(net)
    layers = _linear_chain(permuted)
    if not goal or not layers or [part.weight.shape for part in goal] != [part.weight.shape for part in layers]:
        return None
    if [part.bias is None for part in goal] != [part.bias is None for part in layers]:
        return None
    with torch.no_grad():
        for at in range(len(layers) - 1):
            _permute(layers, at, _best_order(_likeness_in(goal[at], layers[at])))
        for _ in range(_SWEEPS):
            if not _sweep(goal, layers):
                break
    return permuted


def _sweep(goal: list[nn.Linear], layers: list[nn.Linear]) -> bool:
    """Match every hidden layer once, given its neighbours; whether any unit moved."""
    moved = False
    for at in range(len(layers) - 1):
        out = goal[at + 1].weight.double().T @ layers[at + 1].weight.double()
        likeness = _likeness_in(goal[at], layers[at]) + out
        order = _best_order(likeness)
        if float(likeness.gather(1, order[:, None]).sum() - likeness.trace()) > 1e-9 * float(likeness.abs().max()):
            _permute(layers, at, order)
            moved = True
    return moved


def _likeness_in(goal: nn.Linear, layer: nn.Linear) -> Tensor:
    """(units, units) float64 inner products of incoming weights and biases."""
    likeness = goal.weight.double() @ layer.weight.double().T
    return likeness if goal.bias is None else likeness + torch.outer(goal.bias.double(), layer.bias.double())


def _best_order(likeness: Tensor) -> Tensor:
    """(units,) int64: which unit to put in each place."""
    _, order = linear_sum_assignment(likeness.cpu().numpy(), maximize=True)
    return torch.as_tensor(order, dtype=torch.int64, device=likeness.device)


def _permute(layers: list[nn.Linear], at: int, order: Tensor) -> None:
    """Put the units of a hidden layer in another order; the answers stay."""
    layers[at].weight.copy_(layers[at].weight[order])
    if layers[at].bias is not None:
        layers[at].bias.copy_(layers[at].bias[order])
    layers[at + 1].weight.copy_(layers[at + 1].weight[:, order])


def _linear_chain(net: nn.Module) -> list[nn.Linear]:
    """The linear layers in the order in which they run; empty where the network is not a plain chain of them."""
    chain: list[nn.Linear] = []
    for leaf in _leaves(net):
        if type(leaf) is nn.Linear:
            if any(leaf.weight is other.weight for other in chain):
                return []
            chain.append(leaf)
        elif not (type(leaf) in _UNITWISE or (type(leaf) is nn.Flatten and not chain)):
            return []
    return chain


def _leaves(net: nn.Module) -> list[nn.Module]:
    """The modules that a nested ``Sequential`` runs, in order, a frame left out; any other network is a leaf itself."""
    net = net.net if type(net) is Framed else net
    return [leaf for part in net for leaf in _leaves(part)] if type(net) is nn.Sequential else [net]
