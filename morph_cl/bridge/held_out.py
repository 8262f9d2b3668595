"""Looks at a learner in mid-stream: its accuracy on held-out data of every concept that it has met.

Source: De Lange, van de Ven & Tuytelaars, Continual evaluation for lifelong learning: Identifying the stability gap,
ICLR 2023.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from morph_cl.bridge.dataset import as_float
from morph_cl.bridge.prediction import predict
from morph_cl.bridge.randomness import random_state, set_random_state
from morph_cl.errors import UsageError

_BATCH = 100
"""Samples of a prediction, at least."""


@dataclass(frozen=True)
class HeldOut:
    """Test data of the concepts of a stream, for looks in mid-stream.

    Args:
        every: samples between two looks; each comes at the end of the batch in which it is due. One more comes behind
            the last batch before each drift, and one at the end.
        concepts: the concept of the segment before the first drift and of those after each drift, numbered from 0.
        sets: of each concept its images (M, C, H, W), uint8 or float32, and labels (M,) int64.

    Raises:
        UsageError: no distance between looks, or a concept without data.
    """

    every: int
    concepts: tuple[int, ...]
    sets: tuple[tuple[Tensor, Tensor], ...]

    def __post_init__(self) -> None:
        if self.every < 1:
            raise UsageError(f"held-out data is looked at every {self.every} samples; give 1 or more.")
        if set(self.concepts) != set(range(len(self.sets))) or not all(len(y) for _, y in self.sets):
            raise UsageError(
                f"held-out data of {len(self.sets)} concepts, of which segments are in {sorted(set(self.concepts))}; "
                "number the concepts from 0 and give each at least one sample."
            )

    def is_due(self, seen: int, before: int, following: int, drifts: Sequence[int]) -> bool:
        """Whether it is time for a look.

        Args:
            seen: samples that have been learned.
            before: those at the last look, 0 without one.
            following: those after the next batch.
            drifts: where drifts start.
        """
        return seen // self.every > before // self.every or any(seen <= start < following for start in drifts)

    def look(self, strategy: Any, known: set[int]) -> list[float]:
        """Ask a strategy in mid-stream; neither it nor any random generator is changed.

        Args:
            strategy: any Avalanche strategy in training.
            known: the concepts that it has met.

        Returns:
            Its accuracy on each concept, a fraction; NaN on one that is still to come.
        """
        before = random_state()
        accuracies = [
            _accuracy(strategy, x, y) if concept in known else math.nan for concept, (x, y) in enumerate(self.sets)
        ]
        set_random_state(before)
        return accuracies


def _accuracy(strategy: Any, x: Tensor, y: Tensor) -> float:
    size = max(_BATCH, strategy.eval_mb_size)
    right = 0
    for images, labels in zip(torch.split(x, size), torch.split(y, size), strict=True):
        output = predict(strategy, as_float(images), torch.zeros_like(labels))
        right += int((output.argmax(1).cpu() == labels).sum())
    return right / len(y)
