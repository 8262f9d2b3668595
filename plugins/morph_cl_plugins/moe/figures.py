"""How labels and experts go together on test data."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Usage:
    """Who answered for what.

    Args:
        counts: (classes, E) images of each class by the expert that counts most in their answer.
        shares: (E,) mean weight of each expert, of sum 1.
    """

    counts: Tensor
    shares: Tensor

    def figures(self) -> dict[str, float]:
        """The figures by name."""
        return {
            "usage_entropy": usage_entropy(self.shares),
            "nmi": mutual_information(self.counts),
            "purity": purity(self.counts),
        }


def usage_of(weights: Tensor, labels: Tensor, classes: int) -> Usage:
    """Count.

    Args:
        weights: (N, E) of each expert in each answer, rows of sum 1, N at least 1.
        labels: (N,) int64.
        classes: number of classes.

    Returns:
        The counts and the mean weights.
    """
    experts = weights.shape[1]
    counts = torch.bincount(labels * experts + weights.argmax(1), minlength=classes * experts)
    return Usage(counts.reshape(classes, experts), weights.mean(0))


def usage_entropy(shares: Tensor) -> float:
    """How evenly experts are used.

    Args:
        shares: (E,) non-negative, of sum 1.

    Returns:
        The entropy as a share of its maximum, in [0, 1]: 0 where one expert answers everything, 1 where all answer
        alike; NaN for a single expert.
    """
    if len(shares) == 1:
        return math.nan
    return min(_entropy(shares) / math.log(len(shares)), 1.0)


def mutual_information(counts: Tensor) -> float:
    """What the expert tells of the label.

    Args:
        counts: (classes, E) images.

    Returns:
        Mutual information over the mean of both entropies, in [0, 1]; NaN where there is one label and one expert.
    """
    joint = counts.double() / counts.sum()
    labels, experts = _entropy(joint.sum(1)), _entropy(joint.sum(0))
    if labels + experts == 0:
        return math.nan
    shared = labels + experts - _entropy(joint.flatten())
    return min(max(2 * shared / (labels + experts), 0.0), 1.0)


def purity(counts: Tensor) -> float:
    """Share of images whose label is the most frequent one of their expert, in (0, 1].

    Args:
        counts: (classes, E) images.
    """
    return float(counts.max(0).values.sum() / counts.sum())


def _entropy(shares: Tensor) -> float:
    return float(torch.special.entr(shares.double()).sum())
