"""Small affine changes of images that leave their class as it is."""

from __future__ import annotations

import torch
from torch import Tensor

from morph_cl.morph.frames import sampled

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
    return sampled(x, torch.stack([first, second], 1))
