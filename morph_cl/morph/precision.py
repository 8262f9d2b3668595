"""The precision of products: some processors multiply matrices of 16 bits at twice the speed, or faster."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

_ANY_PRECISION = (
    nn.Sequential,
    nn.Flatten,
    nn.Linear,
    nn.ReLU,
    nn.Conv2d,
    nn.MaxPool2d,
    nn.AdaptiveAvgPool2d,
)
"""Layers that compute in the precision of what they are given; a plugin's own may need another."""

_STEP = 32
"""Rows of a product come in multiples of this; from so many on it pays to convert the weights in a training step."""


@cache
def multiplies_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 matrices itself."""
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


@dataclass(frozen=True)
class Precision:
    """Which type products are taken in, where two to three digits are enough.

    Args:
        bfloat16: whether to take bfloat16 on a processor that multiplies it itself.
    """

    bfloat16: bool = True

    def of(self, x: Tensor) -> torch.dtype:
        """The type to multiply in.

        Args:
            x: what is multiplied with something.

        Returns:
            bfloat16 for single precision where that is wanted and fast; else the type of ``x``.
        """
        fast = self.bfloat16 and x.dtype == torch.float32 and x.device.type == "cpu" and multiplies_bfloat16()
        return torch.bfloat16 if fast else x.dtype

    def within(self, net: nn.Module, x: Tensor) -> torch.dtype:
        """The type that a network multiplies in.

        Args:
            net: the network.
            x: (B, C, H, W) what it answers.

        Returns:
            :meth:`of` ``x`` where each layer is known to compute in any type, else the type of ``x``; that too for a
            few samples to train on: to convert all weights would take longer.
        """
        few = torch.is_grad_enabled() and len(x) < _STEP
        return self.of(x) if not few and _computes_in_any(net) else x.dtype

    def products(self, net: nn.Module, x: Tensor) -> AbstractContextManager[object]:
        """While this lasts, a network in single precision multiplies in the type of :meth:`within`.

        Weights and the sums within a product stay in single precision; gradients are products like others, and the
        answer is of that type.

        Args:
            net: the network.
            x: (B, C, H, W) what it answers.

        Source: Micikevicius et al., Mixed Precision Training, ICLR 2018.
        """
        kind = self.within(net, x)
        return torch.autocast(x.device.type, kind) if kind != x.dtype else nullcontext()


def _computes_in_any(net: nn.Module) -> bool:
    """Whether all layers do; networks do not change their layers, and to look through them takes a while."""
    if net not in _known:
        _known[net] = all(type(part) in _ANY_PRECISION for part in net.modules())
    return _known[net]


_known: WeakKeyDictionary[nn.Module, bool] = WeakKeyDictionary()

WHERE_FAST = Precision()
"""bfloat16 on processors that multiply it."""


def rounded(size: int, kind: torch.dtype) -> int:
    """How many rows to multiply for so many that are wanted.

    torch compiles products in bfloat16 for each shape that comes, which takes milliseconds, and keeps a thousand. The
    parts of a batch that experts get have all sizes, so they are filled up to a few.

    Args:
        size: rows wanted.
        kind: the type of the product.

    Returns:
        The next multiple of 32 for bfloat16, else ``size``.
    """
    return -(-size // _STEP) * _STEP if kind == torch.bfloat16 else size
