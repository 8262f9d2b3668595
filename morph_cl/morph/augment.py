"""Small affine changes of images that leave their class as it is."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_TURN, _SCALE, _SHEAR, _SHIFT = 0.2, 0.1, 0.1, 0.08  # radians, shares, shares, shares of half the image


def jitter(x: Tensor) -> Tensor:
    """Turn, scale, shear and shift each image a little, by its own random amounts.

    Args:
        x: (B, C, H, W) float images; dark pixels come in from outside.

    Returns:
        (B, C, H, W).
    """
    amount = torch.rand(6, len(x), device=x.device) * 2 - 1
    angle, scale, shear = amount[0] * _TURN, 1 + amount[1] * _SCALE, amount[2] * _SHEAR
    cos, sin = scale * angle.cos(), scale * angle.sin()
    first = torch.stack([cos, shear - sin, amount[3] * _SHIFT], 1)
    second = torch.stack([sin, cos, amount[4] * _SHIFT], 1)
    places = _places(x) @ torch.stack([first, second], 1).flatten(0, 1).T  # (H * W, B * 2)
    grid = places.view(*x.shape[2:], len(x), 2).permute(2, 0, 1, 3)
    return nn.functional.grid_sample(x, grid, align_corners=False)


def _places(x: Tensor) -> Tensor:
    """(H * W, 3) column, row and 1 of each pixel of images (B, C, H, W), the first two in -1..1."""
    height, width = x.shape[2:]
    rows, columns = ((torch.arange(size, device=x.device) * 2 + 1) / size - 1 for size in (height, width))
    grid = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), -1).flatten(0, 1)
    return torch.cat([grid, torch.ones_like(grid[:, :1])], 1)
