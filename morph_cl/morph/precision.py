"""The precision that frozen experts answer in: they rest in 16 bits, which some processors multiply faster."""

from __future__ import annotations

from functools import cache

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


@cache
def multiplies_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 matrices itself, about twice as fast as single precision or faster."""
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def answering_type(net: nn.Module, x: Tensor) -> torch.dtype:
    """The type that a network which rests in half precision computes its answer in.

    Half precision itself is slow on a CPU. bfloat16 keeps three digits less than single precision, of weights that
    have three digits anyway.

    Args:
        net: the network.
        x: (B, C, H, W) what it answers.

    Returns:
        bfloat16 where that is fast, no gradient is wanted and each layer is known to compute in it, else the type of
        ``x``.
    """
    fast = x.dtype == torch.float32 and x.device.type == "cpu" and not torch.is_grad_enabled() and multiplies_bfloat16()
    return torch.bfloat16 if fast and all(type(part) in _ANY_PRECISION for part in net.modules()) else x.dtype
