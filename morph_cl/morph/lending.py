"""A new expert borrows from its kin: until it has met enough itself, another's densities judge what it sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from morph_cl.morph.frames import borrowed, seen_through
from morph_cl.morph.growth import is_mature

if TYPE_CHECKING:
    from morph_cl.morph.model import MorphModel


def lender_of(model: MorphModel) -> int | None:
    """The expert whose densities serve the one in training while that is new.

    Args:
        model: the model.

    Returns:
        The number of the one of its kin that met most, if that is a ``window`` of samples; None where there is none, or
        the expert in training has met as much itself.
    """
    if is_mature(model):
        return None
    counts = model.concepts.counts
    met = {number: float(counts[model.numbers.index(number)].sum()) for number in model.pool.kin(model.active)}
    best = max(met, key=lambda number: met[number])
    return best if best != model.active and met[best] >= model.options.window else None


def is_settled(model: MorphModel) -> bool:
    """Whether the expert in training can be judged: it has met enough, or one of its kin has.

    Args:
        model: the model.
    """
    return is_mature(model) or lender_of(model) is not None


def borrowed_density(model: MorphModel, x: Tensor, lender: int) -> Tensor:
    """Log-densities of images of the expert in training, turned as they are known to another.

    Args:
        model: the model.
        x: (B, C, H, W).
        lender: number of the other.

    Returns:
        (B, classes).
    """
    frame = borrowed(model.pool.frame(model.active), model.pool.frame(lender))
    row = model.numbers.index(lender)
    asked = (torch.arange(len(model.pool), device=x.device) == row).expand(len(x), -1)
    return model.concepts.log_density(seen_through(x, frame), asked)[:, row]
