"""Rearranging the pixels of whole tensors of images by one gather."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as vision

OUTSIDE = -1
"""Marks a pixel that comes from outside the image and becomes 0."""


def rotation_source(angle: float, height: int, width: int) -> Tensor:
    """Where each pixel of a rotated image comes from.

    Nearest-neighbour rotation only moves pixels, so that rotating one image of pixel numbers tells how to
    rotate all of them.

    Args:
        angle: degrees counter-clockwise.
        height: rows of the image.
        width: columns of the image.

    Returns:
        (height * width,) int64: the source of each pixel, :data:`OUTSIDE` where there is none.
    """
    numbers = torch.arange(height * width, dtype=torch.float32).reshape(1, height, width)
    rotated: Tensor = vision.rotate(numbers, angle, InterpolationMode.NEAREST, fill=[float(OUTSIDE)])
    return rotated.long().flatten()


def take_pixels(x: Tensor, source: Tensor) -> Tensor:
    """Build images whose pixels come from elsewhere in the same image.

    Args:
        x: (N, C, H, W) of any type; every channel is rearranged alike.
        source: (H * W,) int64 in 0..H*W-1, or :data:`OUTSIDE` for a pixel that becomes 0.

    Returns:
        (N, C, H, W) of the type of ``x``; ``x`` itself where every pixel stays.
    """
    if torch.equal(source, torch.arange(len(source))):
        return x
    flat = x.flatten(2)  # (N, C, H * W)
    moved = flat.gather(2, source.clamp_min(0).expand(flat.shape))  # ten times as fast as index_select here
    outside = (source == OUTSIDE).nonzero().squeeze(1)
    return moved.index_fill_(2, outside, 0).reshape(x.shape)
