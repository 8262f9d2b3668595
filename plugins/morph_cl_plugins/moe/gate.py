"""The gate: which experts answer for an image, and how much each counts."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional


class Routing(NamedTuple):
    """Where images go.

    Args:
        log_probabilities: (B, E) of the softmax over all experts.
        weights: (B, E) how much each chosen expert counts, zero elsewhere. Several are weighted by their probabilities,
            brought to a sum of 1. A single one is weighted by its probability as it is: brought to 1 it would be a
            constant, and the gate would learn nothing from the answer.
        chosen: (B, E) bool, k true a row.
    """

    log_probabilities: Tensor
    weights: Tensor
    chosen: Tensor

    @property
    def shares(self) -> Tensor:
        """The weights, (B, E), with each row brought to a sum of 1."""
        return self.weights / self.weights.sum(1, keepdim=True)


class TopKGate(nn.Module):
    """Chooses the k experts with the highest scores.

    Args:
        scores: maps (B, C, H, W) images to (B, E) scores.
        k: experts an image, in 1..E.
        spread: maps images to (B, E) logits of the noise's standard deviation in training; None adds no noise.

    Source: Shazeer et al., Outrageously Large Neural Networks: The Sparsely-Gated Mixture-of-Experts Layer, ICLR 2017,
    for noisy top-k gating; Fedus et al., Switch Transformers, JMLR 2022, for the weight of a single expert.
    """

    def __init__(self, scores: nn.Module, k: int, spread: nn.Module | None = None) -> None:
        super().__init__()
        self.scores = scores
        self.k = k
        self.spread = spread

    def forward(self, x: Tensor) -> Routing:
        """Route images.

        Args:
            x: (B, C, H, W).

        Returns:
            Experts and weights of each image.
        """
        scores: Tensor = self.scores(x)
        if self.training and self.spread is not None:
            scores = scores + torch.randn_like(scores) * functional.softplus(self.spread(x))
        log_probabilities = scores.log_softmax(1)
        best = scores.topk(self.k, dim=1).indices
        chosen = torch.zeros_like(scores, dtype=torch.bool).scatter(1, best, value=True)
        weights = log_probabilities.exp() * chosen
        if self.k > 1:
            weights = weights / weights.sum(1, keepdim=True)
        return Routing(log_probabilities, weights, chosen)


def balance_loss(routing: Routing) -> Tensor:
    """How unevenly a batch is spread over the experts.

    Args:
        routing: of the batch.

    Returns:
        A scalar: E times the sum over experts of the share of choices and the mean probability; 1 where all experts
        are used alike, E where one is used alone.

    Source: Fedus et al., Switch Transformers, JMLR 2022, equation 4, with k choices an image.
    """
    used = routing.chosen.float().mean(0) / routing.chosen[0].sum()
    return len(used) * (used * routing.log_probabilities.exp().mean(0)).sum()
