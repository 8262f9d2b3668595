"""A branch: a small network on a frozen hidden layer, over some of the classes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from morph_cl_plugins.branching.expert import Expert, Standardiser, dense_blocks
from morph_cl_plugins.branching.options import BranchingOptions


class Branch(Expert):
    """Hidden layers and a head over a group of classes.

    Args:
        fan_in: features of the layer that it hangs on.
        classes: its classes.
        host: what it hangs on: 0 for the parent, n for the n-th branch.
        experience: index of the experience that it grew from.
        options: widths and dropout.
    """

    def __init__(
        self, fan_in: int, classes: Sequence[int], host: int, experience: int, options: BranchingOptions
    ) -> None:
        blocks, macs = dense_blocks(fan_in, options.branch_hidden, options.branch_dropout)
        super().__init__(Standardiser((fan_in,)), blocks, options.branch_hidden, macs, classes)
        self.host = host
        self.experience = experience

    def place(self, y: Tensor) -> Tensor:
        """Where labels stand among its outputs.

        Args:
            y: (B,) int64 classes.

        Returns:
            (B,) int64 outputs, -1 for classes that are not its own.
        """
        own = y[:, None] == self.classes
        return torch.where(own.any(1), own.int().argmax(1), -1)

    def loss(self, logits: Tensor, y: Tensor, exposure: float) -> Tensor:
        """Cross-entropy on its own classes, and distance from indifference on others.

        Args:
            logits: (B, n) of its outputs.
            y: (B,) int64 classes.
            exposure: weight of the second term.

        Returns:
            A scalar; zero where the batch has nothing to learn from.

        Source: the second term: Hendrycks et al., Deep Anomaly Detection with Outlier Exposure, ICLR 2019.
        """
        target = self.place(y)
        own = target >= 0
        loss = functional.cross_entropy(logits[own], target[own], reduction="sum") / own.sum().clamp(min=1)
        if exposure:
            foreign = functional.log_softmax(logits[~own], 1).mean(1)
            loss = loss - exposure * foreign.sum() / (~own).sum().clamp(min=1)
        return loss
