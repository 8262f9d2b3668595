"""Confidence that can be trusted: a temperature and a threshold, both chosen on held-out data."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

_COLDEST, _HOTTEST = 0.05, 20.0
_GOLDEN = (math.sqrt(5) - 1) / 2
_STEPS = 40


@torch.no_grad()
def choose_temperature(logits: Tensor, target: Tensor) -> float:
    """The temperature that makes held-out labels likeliest.

    Args:
        logits: (N, n) of held-out samples.
        target: (N,) int64, their outputs.

    Returns:
        In [0.05, 20]; 1 where there is nothing to choose by.

    Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017, by golden-section search: the loss has one
    minimum in the inverse temperature. Targets are softened as in Platt, Probabilistic Outputs for Support Vector
    Machines, 1999: else data without a mistake would ask for certainty.
    """
    if not len(target) or logits.shape[1] < 2:
        return 1.0
    logits, softening = logits.double(), 1 / (len(target) + 2)

    def loss(log_temperature: float) -> float:
        return float(functional.cross_entropy(logits / math.exp(log_temperature), target, label_smoothing=softening))

    low, high = math.log(_COLDEST), math.log(_HOTTEST)
    for _ in range(_STEPS):
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        if loss(left) <= loss(right):
            high = right
        else:
            low = left
    return math.exp((low + high) / 2)


@torch.no_grad()
def choose_threshold(confidence: Tensor, right: Tensor, otherwise: Tensor) -> float:
    """The threshold with the greatest gain on held-out data.

    Args:
        confidence: (N,) in (0, 1].
        right: (N,) bool, whether each answer is right.
        otherwise: (N,) in [0, 1], what a rejection is worth: 1 where the fallback is right, or 1 minus its cost.

    Returns:
        The lowest of the best thresholds, in (0, 1]: answers at least so confident are accepted.

    Source: Chow, On Optimum Recognition Error and Reject Tradeoff, IEEE Transactions on Information Theory 1970.
    """
    smallest = torch.finfo(torch.float32).tiny
    if not len(confidence):
        return smallest
    order = confidence.argsort(descending=True)
    gain = (right.double() - otherwise.double())[order].cumsum(0)
    ranked = confidence[order]
    last = torch.ones_like(ranked, dtype=torch.bool)
    last[:-1] = ranked[:-1] > ranked[1:]  # equal confidences are accepted together
    gain = gain.masked_fill(~last, -torch.inf)
    best = gain.max()
    if float(best) < 0:
        return 1.0  # nothing but certainty is accepted
    lowest = int((gain == best).nonzero().max())
    return smallest if lowest == len(ranked) - 1 else float(ranked[lowest])
