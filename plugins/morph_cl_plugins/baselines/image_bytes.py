"""Images in [0, 1] as bytes, in steps of 1/255."""

from __future__ import annotations

import torch
from torch import Tensor

from morph_cl import UsageError


def fit_bytes(images: Tensor) -> bool:
    """Whether no pixel lies beyond [0, 1].

    Args:
        images: (B, C, H, W) float32.
    """
    return not len(images) or (float(images.min()) >= 0 and float(images.max()) <= 1)


def check_unit_range(images: Tensor, strategy: str) -> None:
    """Refuse images that bytes cannot hold.

    Args:
        images: (B, C, H, W) float32.
        strategy: the strategy whose option ``images`` asks for bytes.

    Raises:
        UsageError: a pixel beyond [0, 1].
    """
    if not fit_bytes(images):
        low, high = float(images.min()), float(images.max())
        raise UsageError(
            f"{strategy}.images=uint8 stores images in [0, 1], but these run from {low:.3g} to {high:.3g}; "
            f"give {strategy}.images=float32."
        )


def to_floats(images: Tensor) -> Tensor:
    """Images as they were before :func:`to_bytes`; floats as they are.

    Args:
        images: (B, C, H, W) uint8, or float32.

    Returns:
        (B, C, H, W) float32.
    """
    return images.float().div_(255.0) if images.dtype == torch.uint8 else images


def to_bytes(images: Tensor) -> Tensor:
    """Images as bytes; exact where they were bytes in the data set.

    Args:
        images: (B, C, H, W) float32 in [0, 1].

    Returns:
        (B, C, H, W) uint8.
    """
    return (images * 255).round().to(torch.uint8)
