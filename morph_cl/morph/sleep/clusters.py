"""Points in two clusters."""

from __future__ import annotations

import torch
from torch import Tensor

_STARTS = 4
_ROUNDS = 50


def two_means(points: Tensor, seed: int) -> Tensor:
    """Centres of two clusters: the best of a few seeded starts, whatever the state of the global generator.

    Args:
        points: (N, d), N at least 2.
        seed: of the starts.

    Returns:
        (2, d) centres, of the points' type; equal where all points are.

    Source: Lloyd's algorithm from starts of Arthur, Vassilvitskii, "k-means++", SODA 2007.
    """
    generator = torch.Generator().manual_seed(seed)
    at_hand = points.double().cpu()
    found = [_lloyd(at_hand, _start(at_hand, generator)) for _ in range(_STARTS)]
    best = min(found, key=lambda centres: float(torch.cdist(at_hand, centres).amin(1).square().sum()))
    return best.to(points)


def nearer_to_second(points: Tensor, centres: Tensor) -> Tensor:
    """Which points lie nearer to the second of two centres.

    Args:
        points: (N, d).
        centres: (2, d).

    Returns:
        (N,) bool; False where both are as near.
    """
    distance = torch.cdist(points.to(centres), centres)
    return distance[:, 1] < distance[:, 0]


def _start(points: Tensor, generator: torch.Generator) -> Tensor:
    """A random point, and another that is drawn the more likely the farther it lies."""
    first = points[int(torch.randint(0, len(points), (1,), generator=generator))]
    distance = (points - first).square().sum(1)
    if not bool(distance.any()):
        return torch.stack([first, first])
    return torch.stack([first, points[int(torch.multinomial(distance, 1, generator=generator))]])


def _lloyd(points: Tensor, centres: Tensor) -> Tensor:
    """Move centres to the means of what lies nearest, until they stay."""
    for _ in range(_ROUNDS):
        second = nearer_to_second(points, centres)
        if bool(second.all()) or not bool(second.any()):
            break
        moved = torch.stack([points[~second].mean(0), points[second].mean(0)])
        if torch.equal(moved, centres):
            break
        centres = moved
    return centres
