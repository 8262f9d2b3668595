"""A new expert borrows from its kin: until it has met enough itself, another's densities judge what it sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from morph_cl.morph.frames import borrowed, seen_through
from morph_cl.morph.growth import is_mature

if TYPE_CHECKING:
    from morph_cl.morph.model import MorphModel


def lenders(model: MorphModel) -> dict[int, int]:
    """Who serves each expert that is new.

    Args:
        model: the model.

    Returns:
        By the number of an expert that has not met a ``window`` of samples the number of the one of its kin that met
        most, where that one has.
    """
    if not model.pool.framed:
        return {}
    window = model.options.window
    met = dict(zip(model.numbers, model.concepts.counts.sum(1).tolist(), strict=True))
    found = {}
    for number in model.numbers:
        best = max(model.pool.kin(number), key=lambda kin: met[kin])
        if met[number] < window <= met[best]:
            found[number] = best
    return found


def is_settled(model: MorphModel) -> bool:
    """Whether the expert in training can be judged: it has met enough, or one of its kin has.

    Args:
        model: the model.
    """
    return is_mature(model) or model.active in lenders(model)


def borrowed_density(model: MorphModel, x: Tensor, number: int, lender: int) -> Tensor:
    """Log-densities of an expert's images, turned as they are known to another.

    Args:
        model: the model.
        x: (B, C, H, W).
        number: the expert.
        lender: number of the other.

    Returns:
        (B, classes).
    """
    frame = borrowed(model.pool.frame(number), model.pool.frame(lender))
    row = model.numbers.index(lender)
    asked = (torch.arange(len(model.pool), device=x.device) == row).expand(len(x), -1)
    return model.concepts.log_density(seen_through(x, frame), asked)[:, row]
