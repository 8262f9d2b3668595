"""Dispatch: each expert runs once, on the images that are routed to it and on no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from morph_cl.morph.experts import ExpertPool


def answers(pool: ExpertPool, route: Tensor, x: Tensor, classes: int) -> Tensor:
    """What the routed experts say.

    Images are grouped by expert in one pass over the route, so an expert that nothing is routed to costs nothing.

    Args:
        pool: the experts.
        route: (B, E) log-probabilities over experts in the pool's order, -inf where an expert is left out.
        x: (B, C, H, W).
        classes: width of an expert's output.

    Returns:
        (B, E, classes) log-probabilities; zeros where an expert is left out.
    """
    chosen = route.isfinite().T  # (E, B): nonzero lists the images expert by expert
    images = torch.split(chosen.nonzero()[:, 1], chosen.sum(1).tolist())
    said = x.new_zeros(len(x), len(pool), classes)
    for row, (number, rows) in enumerate(zip(pool.numbers, images, strict=True)):
        if len(rows):
            said[rows, row] = pool(number, x[rows])
    return said
