"""Levels: for each expert the weight, mean and variance of a figure of its own held-out data."""

from __future__ import annotations

from torch import Tensor, stack


def follow_level(levels: Tensor, row: int, values: Tensor, most: float) -> None:
    """Take in figures of one expert.

    Args:
        levels: (E, 3) weight, mean and variance; changed in place.
        row: the expert's row.
        values: (B,) the figures; an empty tensor changes nothing.
        most: weight beyond which old figures are forgotten.
    """
    if not len(values):
        return
    old, weight = levels[row].clone(), float(len(values))
    share = weight / (float(old[0]) + weight)
    fresh = stack([old[0], values.mean(), values.var(correction=0)])
    levels[row] = (1 - share) * old + share * fresh
    levels[row, 0] = min(float(old[0]) + weight, most)


def join_levels(levels: Tensor, row: int, into: int) -> None:
    """Give the figures of one expert to another.

    Args:
        levels: (E, 3) weight, mean and variance; changed in place.
        row: the expert that gives.
        into: the expert that gets.
    """
    weights = levels[[into, row], :1]
    levels[into, 1:] = (levels[[into, row], 1:] * weights).sum(0) / weights.sum().clamp_min(1e-9)
    levels[into, 0] += levels[row, 0]
