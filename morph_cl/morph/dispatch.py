"""Dispatch: each expert runs once, on the images that are routed to it and on no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from morph_cl.morph.logsums import log_normalized

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
    rows, images = route.isfinite().T.nonzero(as_tuple=True)  # expert by expert
    sizes = rows.bincount(minlength=len(pool)).tolist()
    parts = torch.split(x.index_select(0, images), sizes)
    found = [pool.logits(number, part) for number, part in zip(pool.numbers, parts, strict=True) if len(part)]
    said = x.new_zeros(len(x), len(pool), classes)
    if found:
        said[images, rows] = log_normalized(torch.cat(found), 1)
    return said
