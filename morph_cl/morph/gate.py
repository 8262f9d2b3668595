"""The gate: a linear map from the image to one logit an expert."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from morph_cl.morph.precision import WHERE_FAST, Precision


class Gate(nn.Module):
    """One row an expert, in the order of the experts.

    Args:
        features: pixels of an image.
        precision: of the products of predictions.
    """

    def __init__(self, features: int, precision: Precision = WHERE_FAST) -> None:
        super().__init__()
        self.precision = precision
        self.weight = nn.Parameter(torch.zeros(0, features))
        self.bias = nn.Parameter(torch.zeros(0))
        self.origin: list[int] = []
        """For each row its row when the optimizer last covered the gate, -1 for a new one."""

    def __len__(self) -> int:
        return len(self.bias)

    def add_row(self, parent: int | None) -> None:
        """Append a row: a copy of its parent's, so that the two start out alike.

        Args:
            parent: the row to copy; None appends zeros.
        """
        weight = self.weight.data[parent] if parent is not None else torch.zeros_like(self.weight.data.sum(0))
        bias = self.bias.data[parent] if parent is not None else torch.zeros_like(self.bias.data.sum())
        self.weight = nn.Parameter(torch.cat([self.weight.data, weight[None]]))
        self.bias = nn.Parameter(torch.cat([self.bias.data, bias[None]]))
        self.origin.append(-1)

    def keep(self, rows: list[int]) -> None:
        """Keep some rows.

        Args:
            rows: the rows to keep, in their new order.
        """
        self.weight = nn.Parameter(self.weight.data[rows])
        self.bias = nn.Parameter(self.bias.data[rows])
        self.origin = [self.origin[row] for row in rows]

    def resize(self, rows: int) -> None:
        """Become a gate of another number of rows, all zero: what loading a state begins with.

        Args:
            rows: number of experts.
        """
        self.weight = nn.Parameter(self.weight.data.new_zeros(rows, self.weight.shape[1]))
        self.bias = nn.Parameter(self.bias.data.new_zeros(rows))
        self.origin = [-1] * rows

    def logits(self, x: Tensor) -> Tensor:
        """Logits (B, E) of the experts for images (B, C, H, W)."""
        return nn.functional.linear(x.flatten(1), self.weight, self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Log-probabilities (B, E) over experts for images (B, C, H, W); free of noise in every mode."""
        if torch.is_grad_enabled():
            return self.logits(x).log_softmax(1)
        kind = self.precision.of(x)
        flat = x.flatten(1).to(kind)
        return nn.functional.linear(flat, self.weight.to(kind), self.bias.to(kind)).to(x.dtype).log_softmax(1)
