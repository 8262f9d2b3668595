"""How experts compute: in the type that is fast, whatever their weights rest in."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from morph_cl.morph.precision import Precision, rounded


class Runner:
    """Runs networks, and keeps working copies of those that rest in another type than images have.

    Arithmetic in half precision is slow on a CPU, so such a network computes with a copy, until it changes.

    Args:
        precision: of the products.
    """

    def __init__(self, precision: Precision) -> None:
        self.precision = precision
        self.copies: dict[int, dict[torch.dtype, nn.Module]] = {}
        """By number of the expert and type; they are not counted as bytes held."""

    def forget(self, number: int) -> None:
        """Drop the copies of an expert that has changed.

        Args:
            number: its number.
        """
        self.copies.pop(number, None)

    def multiplies(self, net: nn.Module, x: Tensor) -> torch.dtype:
        """The type that a network multiplies in.

        Args:
            net: the network.
            x: (B, C, H, W) images.
        """
        exact = _rests(net, x) and torch.is_grad_enabled()
        return x.dtype if exact else self.precision.within(net, x)

    def takes(self, net: nn.Module, x: Tensor) -> torch.dtype:
        """The type in which a network is best given images: that of its products, where these are a working copy's.

        Args:
            net: the network.
            x: (B, C, H, W) images.
        """
        return self.multiplies(net, x) if _rests(net, x) else x.dtype

    def run(self, number: int, net: nn.Module, x: Tensor, *frames: Tensor) -> Tensor:
        """What an expert answers.

        Args:
            number: its number.
            net: its network.
            x: (B, C, H, W) images, of its own type or of that which it :meth:`takes`.
            frames: to look through in place of its own, where it has one.

        Returns:
            (B, classes) logits of the type of ``x``.
        """
        kind = self.multiplies(net, x)
        if _rests(net, x):
            answer: Tensor = self._copy(number, net, kind)(_filled(x, kind), *frames)
        else:
            # Batches of training come in one size, others in all.
            filled = x if torch.is_grad_enabled() else _filled(x, kind)
            with self.precision.products(net, x):
                answer = net(filled, *frames)
        return answer[: len(x)].to(x.dtype)

    def _copy(self, number: int, net: nn.Module, kind: torch.dtype) -> nn.Module:
        copies = self.copies.setdefault(number, {})
        if kind not in copies:
            copies[kind] = copy.deepcopy(net).to(kind)
        return copies[kind]


def _rests(net: nn.Module, x: Tensor) -> bool:
    """Whether a network's weights are of another type than images."""
    first = next(net.parameters(), None)
    return first is not None and first.dtype != x.dtype


def _filled(x: Tensor, kind: torch.dtype) -> Tensor:
    """Images of another type, filled up with black ones to :func:`~morph_cl.morph.precision.rounded` many."""
    size = rounded(len(x), kind)
    if size == len(x):
        return x.to(kind)
    filled = x.new_zeros(size, *x.shape[1:], dtype=kind)
    filled[: len(x)] = x
    return filled
