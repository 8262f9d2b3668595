"""Who stays in memory when each class is owed an equal share.

Every sample draws a key, uniform in [0, 1). Of each class those with the smallest keys stay: a uniform sample of its
own stream, whatever its share becomes. A class remembers the smallest key that it ever gave up; later samples with a
larger one are not let in, or they would be more likely to be there than those that left.
"""

from __future__ import annotations

import torch
from torch import Tensor


def fair_shares(wanted: Tensor, capacity: int) -> Tensor:
    """Divide the capacity among classes: equally, and what a class does not need goes to the others.

    Args:
        wanted: (classes,) int64, samples that each class has.
        capacity: samples in all.

    Returns:
        (classes,) int64 of at most ``wanted``, summing to at most ``capacity``; classes cut short differ by one.

    Source: Chrysakis and Moens, "Online continual learning from imbalanced data", ICML 2020, whose memory this is.
    """
    if int(wanted.sum()) <= capacity:
        return wanted.clone()
    ordered, order = wanted.sort()
    share, left = torch.zeros_like(wanted), capacity
    for place, index in enumerate(order.tolist()):  # the most modest first
        share[index] = min(int(ordered[place]), left // (len(order) - place))
        left -= int(share[index])
    return share


def smallest_keys(keys: Tensor, y: Tensor, share: Tensor) -> Tensor:
    """Which samples stay.

    Args:
        keys: (N,) float.
        y: (N,) int64 classes.
        share: (classes,) int64, how many of each class may stay.

    Returns:
        (N,) bool: the ``share`` smallest keys of each class.
    """
    order = keys.argsort(stable=True)
    order = order[y[order].argsort(stable=True)]  # by class, within a class by key
    size = torch.bincount(y, minlength=len(share))
    rank = torch.arange(len(y), device=y.device) - (size.cumsum(0) - size)[y[order]]
    stays = torch.zeros(len(y), dtype=torch.bool, device=y.device)
    stays[order] = rank < share[y[order]]
    return stays


def lowered(limit: Tensor, keys: Tensor, y: Tensor, stays: Tensor) -> Tensor:
    """The smallest key that each class ever gave up.

    Args:
        limit: (classes,) float, as it was.
        keys: (N,) float.
        y: (N,) int64 classes.
        stays: (N,) bool, False for those that are given up now.

    Returns:
        (classes,) float.
    """
    return limit.scatter_reduce(0, y[~stays], keys[~stays], "amin")
