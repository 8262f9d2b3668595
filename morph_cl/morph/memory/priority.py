"""Which samples in memory are replayed more often than others."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

Kind = Literal["uniform", "loss", "age", "uncertainty", "specialisation", "mixed"]

NOTED: dict[Kind, dict[str, tuple[torch.dtype, float]]] = {
    "uniform": {},
    "loss": {"loss": (torch.float16, math.nan)},
    "age": {"last": (torch.int32, -1)},
    "uncertainty": {"uncertainty": (torch.float16, math.nan)},
    "specialisation": {},
    "mixed": {
        "loss": (torch.float16, math.nan),
        "uncertainty": (torch.float16, math.nan),
        "last": (torch.int32, -1),
    },
}
"""What each priority keeps of a sample: dtype, and the value before the sample's first replay."""

_AGE = 1_000.0  # steps in which a sample's age weighs 63 %
_CAP, _FLOOR = 8.0, 0.1  # times the mean weight


def loss_weight(loss: Tensor) -> Tensor:
    """1 - exp(-loss), (N,) float32; NaN, never noted, weighs 1."""
    return torch.nan_to_num(-torch.expm1(-loss.float()), nan=1.0)


def uncertainty_weight(entropy: Tensor, classes: int) -> Tensor:
    """Entropy in nats as a share of the most there can be, (N,) float32; NaN, never noted, weighs 1."""
    return torch.nan_to_num(entropy.float() / math.log(max(classes, 2)), nan=1.0)


def age_weight(last: Tensor, step: int) -> Tensor:
    """1 - exp(-age / 1000), (N,) float32, from the steps of the last replay; -1, never noted, weighs 1."""
    age = -torch.expm1((last - step).clamp(max=0) / _AGE)
    return torch.where(last < 0, torch.ones_like(age), age)


def specialisation_weight(owner: Tensor, y: Tensor, classes: int) -> Tensor:
    """One less the share of the commonest class among the samples of the same owner.

    Args:
        owner: (N,) integer numbers of experts.
        y: (N,) integer classes.
        classes: number of classes.

    Returns:
        (N,) float32 in [0, 1): experts of many classes weigh more.
    """
    row = owner.long()
    owners = int(row.max()) + 1 if len(row) else 0
    counts = torch.bincount(row * classes + y.long(), minlength=owners * classes).view(owners, classes)
    purity = counts.amax(1) / counts.sum(1)
    weight: Tensor = (1 - purity)[row]
    return weight


def mix(weights: list[Tensor]) -> Tensor:
    """The product of (0.5 + weight), (N,): none alone can rule a sample out."""
    return torch.stack([0.5 + weight for weight in weights]).prod(0)


def bounded(weights: Tensor) -> Tensor:
    """Weights from 0.1 to 8 times their mean, so that no sample dominates and none is forgotten.

    Replay by priority is biased: the expected loss is that of the weighted samples, not of the memory, and no
    importance weights correct it. The bounds limit the bias to a factor of 80 between two samples.

    Args:
        weights: (N,) float32, at least 0.

    Returns:
        (N,) float32, above 0; ones where all weights are 0.

    Source: Schaul et al., "Prioritized Experience Replay", ICLR 2016.
    """
    mean = float(weights.mean())
    return weights.clamp(_FLOOR * mean, _CAP * mean) if mean > 0 else torch.ones_like(weights)
