"""The mixture: experts that run only on the images routed to them."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from morph_cl_plugins.moe.gate import Routing, TopKGate

_LEAST_DEVIATION = 0.05  # of pixels: an image that is nearly of one grey keeps its noise small


class Mixture(nn.Module):
    """Adds up the logits of the experts that the gate chooses, each times its weight.

    Args:
        gate: chooses the experts.
        experts: at least one; each maps (B, C, H, W) images to (B, classes) logits.
        classes: number of classes.
        standardise: whether each image is brought to mean 0 and standard deviation 1 first.
        dropout: share of pixels that training blanks, for gate and experts alike, in [0, 1).

    Attributes:
        routing: how the batch of the training step in progress was routed, for losses on the gate; else None.
    """

    def __init__(
        self,
        gate: TopKGate,
        experts: Iterable[nn.Module],
        classes: int,
        *,
        standardise: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.gate = gate
        self.experts = nn.ModuleList(experts)
        self.classes = classes
        self.standardise = standardise
        self.dropout = dropout
        self.routing: Routing | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, classes) of images (B, C, H, W)."""
        x = functional.dropout(self._scaled(x), self.dropout, self.training)
        routing: Routing = self.gate(x)
        self.routing = routing if self.training else None
        return self._combine(x, routing)

    def route(self, x: Tensor) -> Routing:
        """Who answers for images (B, C, H, W)."""
        routing: Routing = self.gate(self._scaled(x))
        return routing

    def _scaled(self, x: Tensor) -> Tensor:
        if not self.standardise:
            return x
        deviation, mean = torch.std_mean(x, dim=(1, 2, 3), correction=0, keepdim=True)
        return (x - mean) / deviation.clamp(min=_LEAST_DEVIATION)

    def _combine(self, x: Tensor, routing: Routing) -> Tensor:
        """Run each expert once, on its own images; one that no image goes to is not run."""
        logits = x.new_zeros(len(x), self.classes)
        for number, expert in enumerate(self.experts):
            rows = routing.chosen[:, number].nonzero().squeeze(1)
            if len(rows):
                answers = routing.weights[rows, number, None] * expert(x[rows])
                logits = logits.index_add(0, rows, answers.to(logits.dtype))  # 16 bits under autocast
        return logits
