"""What a strategy made of experts tells of itself, beyond its predictions."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class LabelledBatch:
    """Evaluation data that a strategy measures itself on once training is over.

    Labels are there to be counted. A figure in which a label chooses the expert is named ``oracle_...``.

    Args:
        x: (B, C, H, W) images.
        y: (B,) int64 classes.
        task: the task label of all of them, what the strategy is told in the task setting; 0 in the others.
        experience: index of the experience that they are of.
    """

    x: Tensor
    y: Tensor
    task: int
    experience: int
