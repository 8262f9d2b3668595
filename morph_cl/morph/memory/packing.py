"""Images in [0, 1] as a few levels of grey, several pixels a byte."""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor

_SLACK = 1 / 512  # what interpolation may leave beyond [0, 1]: half a level at 8 bits


class Packing:
    """Quantises to ``2**bits`` even levels from 0 to 1 and packs ``8 // bits`` pixels a byte, the first one lowest.

    Args:
        bits: 8, 4 or 2 for one pixel.
        shape: (C, H, W); the last byte of an image is padded with zeros.
    """

    def __init__(self, bits: int, shape: tuple[int, int, int]) -> None:
        self.bits, self.shape = bits, shape
        self.pixels = math.prod(shape)
        self.each = 8 // bits
        self.row_bytes = -(-self.pixels // self.each)

    def pack(self, x: Tensor) -> Tensor:
        """Pack images.

        Args:
            x: (N, C, H, W) float in [0, 1]; what lies beyond is clamped.

        Returns:
            (N, row_bytes) uint8.
        """
        top = 2**self.bits - 1
        levels: Tensor = (x.flatten(1) * top).round_().clamp_(0, top).to(torch.uint8)
        if self.each == 1:
            return levels
        levels = torch.nn.functional.pad(levels, (0, self.row_bytes * self.each - self.pixels))
        levels = levels.view(len(x), self.row_bytes, self.each)
        packed: Tensor = levels[..., 0].clone()
        for pixel in range(1, self.each):
            packed |= levels[..., pixel] << (pixel * self.bits)
        return packed

    def unpack(self, packed: Tensor) -> Tensor:
        """Give packed images back.

        Args:
            packed: (N, row_bytes) uint8.

        Returns:
            (N, C, H, W) float32, each pixel within half a level of what was packed.
        """
        if self.each == 1:
            return (packed / 255.0).view(-1, *self.shape)
        pixels = _levels(self.bits, packed.device).index_select(0, packed.flatten().int())
        pixels = pixels.view(len(packed), self.row_bytes * self.each)[:, : self.pixels]
        return pixels.reshape(-1, *self.shape)


@cache
def _levels(bits: int, device: torch.device) -> Tensor:
    """(256, pixels a byte) float32: what each byte stands for."""
    shifts = torch.arange(0, 8, bits, device=device)
    top = 2**bits - 1
    table: Tensor = ((torch.arange(256, device=device)[:, None] >> shifts) & top) / top
    return table


def packable(x: Tensor) -> bool:
    """Whether images fit into levels.

    Args:
        x: (N, C, H, W) float.

    Returns:
        True where all pixels lie in [0, 1], rounding aside.
    """
    if not x.numel():
        return True
    low, high = torch.aminmax(x)
    return bool(low >= -_SLACK) and bool(high <= 1 + _SLACK)
