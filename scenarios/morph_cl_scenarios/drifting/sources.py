"""How images of a concept look: pixels moved by one gather, noise added."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from morph_cl_scenarios.drifting.concepts import Concept
from morph_cl_scenarios.pixels import OUTSIDE, rotation_source
from morph_cl_scenarios.seeding import stream_generator


class PixelSources:
    """Where the pixels of every class in every concept come from.

    Args:
        concepts: the concepts.
        height: rows of an image.
        width: columns of an image.
        seed: the stream's seed, from which the permutations are drawn.

    Attributes:
        table: (S, H * W) int64, one row a different rearrangement; :data:`OUTSIDE` marks a black pixel.
        row: (K, classes) int64: the rearrangement of each concept and class.
    """

    def __init__(self, concepts: Sequence[Concept], height: int, width: int, seed: int) -> None:
        pairs = [list(zip(concept.angles, concept.permutations, strict=True)) for concept in concepts]
        different = list(dict.fromkeys(pair for row in pairs for pair in row))
        number = {pair: place for place, pair in enumerate(different)}
        self.row = torch.tensor([[number[pair] for pair in row] for row in pairs])
        rotations = {angle: rotation_source(angle, height, width) for angle, _ in different}
        self.table = torch.stack(
            [rotations[angle][pixel_order(permutation, height * width, seed)] for angle, permutation in different]
        )


def pixel_order(number: int, pixels: int, seed: int) -> Tensor:
    """An order of the pixels.

    Args:
        number: 0 leaves them in place, every other number is an order of its own.
        pixels: height times width.
        seed: the stream's seed.

    Returns:
        (pixels,) int64.
    """
    if number == 0:
        return torch.arange(pixels)
    return torch.from_numpy(stream_generator(seed, f"permutation {number}").permutation(pixels))


def move_pixels(x: Tensor, sources: Tensor) -> Tensor:
    """Rearrange each image in its own way.

    Args:
        x: (B, C, H, W) of any type; every channel is rearranged alike.
        sources: (B, H * W) int64, :data:`OUTSIDE` for a pixel that becomes 0.

    Returns:
        (B, C, H, W) of the type of ``x``.
    """
    flat = x.flatten(2)  # (B, C, H * W)
    moved = flat.gather(2, sources.clamp_min(0)[:, None].expand(flat.shape))
    return moved.masked_fill_((sources == OUTSIDE)[:, None], 0).reshape(x.shape)


def add_noise(x: Tensor, level: NDArray[np.float64], rng: np.random.Generator, low: float, high: float) -> Tensor:
    """Add Gaussian noise and keep the pixels in their range.

    Args:
        x: (B, C, H, W), uint8 or float32.
        level: (B,) standard deviation for each image, in units of the range; 0 leaves it alone.
        rng: draws the noise of those images that get any.
        low: smallest pixel.
        high: largest pixel.

    Returns:
        (B, C, H, W) of the type of ``x``; ``x`` itself where no image gets noise.
    """
    rows = np.flatnonzero(level)
    if not len(rows):
        return x
    noisy = x.clone()
    draws = rng.standard_normal((len(rows), *x.shape[1:]), dtype=np.float32)
    scale = (level[rows] * (high - low)).astype(np.float32).reshape(-1, 1, 1, 1)
    changed = (x[rows].float() + torch.from_numpy(draws * scale)).clamp_(low, high)
    noisy[rows] = changed.round_().to(torch.uint8) if x.dtype == torch.uint8 else changed
    return noisy
