"""The precision of predictions: some processors multiply matrices of 16 bits at twice the speed, or faster."""

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

_STEP = 32


@cache
def multiplies_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 matrices itself."""
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def product_type(x: Tensor) -> torch.dtype:
    """The type to multiply in where two to three digits are enough.

    Args:
        x: what is multiplied with something.

    Returns:
        bfloat16 for single precision on a processor that multiplies it itself; else the type of ``x``.
    """
    fast = x.dtype == torch.float32 and x.device.type == "cpu" and multiplies_bfloat16()
    return torch.bfloat16 if fast else x.dtype


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


def answering_type(net: nn.Module, x: Tensor) -> torch.dtype:
    """The type that a network which rests in half precision computes its answer in; that itself is slow on a CPU.

    Args:
        net: the network.
        x: (B, C, H, W) what it answers.

    Returns:
        :func:`product_type` where no gradient is wanted and each layer is known to compute in any, else the type of
        ``x``.
    """
    known = not torch.is_grad_enabled() and all(type(part) in _ANY_PRECISION for part in net.modules())
    return product_type(x) if known else x.dtype
