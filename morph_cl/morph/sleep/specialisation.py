"""How far experts specialise: in which classes, and in how much of what comes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from morph_cl.morph.sleep.held_out import HeldOut

if TYPE_CHECKING:
    from morph_cl.morph.model import MorphModel


def specialisation(model: MorphModel, held: HeldOut) -> list[dict[str, Any]]:
    """A row for each expert.

    Args:
        model: the model.
        held: its held-out samples, at least one.

    Returns:
        JSON-able, in the order of the experts: ``expert``, its number; ``share``, the mean routing probability of
        held-out samples, summing to 1 over experts; ``purity`` and ``entropy`` of the labels of its memory samples, see
        :func:`purity_and_entropy`, both None where it owns none.
    """
    shares = held.shares().mean(0).tolist()
    rows: list[dict[str, Any]] = []
    for number, share in zip(model.numbers, shares, strict=True):
        labels = model.memory.y[model.memory.owner == number].long()
        purity, entropy = purity_and_entropy(labels, model.classes) if len(labels) else (None, None)
        rows.append({"expert": number, "purity": purity, "entropy": entropy, "share": round(share, 4)})
    return rows


def purity_and_entropy(labels: Tensor, classes: int) -> tuple[float, float]:
    """How far labels agree.

    Args:
        labels: (N,) int64, N at least 1.
        classes: how many classes there are.

    Returns:
        Share of the most frequent label, in (0, 1], and the labels' entropy over that of ``classes`` equally frequent
        ones, in [0, 1]; both rounded to four digits.
    """
    shares = torch.bincount(labels, minlength=classes).double() / len(labels)
    entropy = float(torch.special.entr(shares).sum()) / math.log(classes) if classes > 1 else 0.0
    return round(float(shares.max()), 4), round(entropy, 4)
