"""Images in [0, 1] as bytes, in steps of 1/255."""

from __future__ import annotations

import torch
from torch import Tensor

from morph_cl import UsageError


def check_unit_range(images: Tensor, strategy: str) -> None:
    """Refuse images that bytes cannot hold.

    Args:
        images: (B, C, H, W) float32.
        strategy: the strategy whose option ``images`` asks for bytes.

    Raises:
        UsageError: a pixel beyond [0, 1].
    """
    low, high = float(images.min()), float(images.max())
    if low < 0 or high > 1:
        raise UsageError(
            f"{strategy}.images=uint8 stores images in [0, 1], but these run from {low:.3g} to {high:.3g}; "
            f"give {strategy}.images=float32."
        )


def to_bytes(images: Tensor) -> Tensor:
    """Images as bytes; exact where they were bytes in the data set.

    Args:
        images: (B, C, H, W) float32 in [0, 1].

    Returns:
        (B, C, H, W) uint8.
    """
    return (images * 255).round().to(torch.uint8)
