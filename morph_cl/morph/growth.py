"""Growth: whether what comes in is new to every expert, and for long enough."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from morph_cl.morph.concepts import Concepts

_LEVEL_ERRORS = 3.0  # standard errors of an expert's level that a fall must exceed: every batch shares that error
_BATCH_ERRORS = 1.0  # and of the batch's own mean: patience asks for several batches in a row
_UNKNOWN = 10.0  # standard deviations that a sample of a class unknown to the expert counts as


@dataclass(frozen=True)
class Look:
    """What one batch looks like to the experts.

    Args:
        closest: row of the expert whose concepts explain the batch best.
        novelty: fall of that expert's mean log-density below its own level, in its own standard deviations, less what
            chance explains.
    """

    closest: int
    novelty: float


@torch.no_grad()
def class_log_density(concepts: Concepts, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Log-density of labelled inputs under each expert's concept of their class.

    Args:
        concepts: the concepts.
        x: (B, ...) inputs.
        y: (B,) int64 classes.

    Returns:
        (B, E) log-densities, and (B, E) whether the expert has a concept of the class.
    """
    density = concepts.coarse_log_density(x)
    index = y[:, None, None].expand(-1, density.shape[1], 1)
    known = concepts.owned.unsqueeze(0).expand(len(y), -1, -1).gather(2, index).squeeze(2)
    return density.gather(2, index).squeeze(2), known


@torch.no_grad()
def look(concepts: Concepts, x: Tensor, y: Tensor) -> Look:
    """Judge a batch.

    Args:
        concepts: the concepts of at least one expert with a level.
        x: (B, ...) inputs.
        y: (B,) int64 classes.

    Returns:
        The closest expert and how new the batch is to it.
    """
    density, known = class_log_density(concepts, x, y)
    mean, deviation = concepts.level[:, 1], concepts.level[:, 2].sqrt().clamp_min(1e-3)
    fall = torch.where(known, (mean - density) / deviation, torch.full_like(density, _UNKNOWN))  # (B, E)
    fall = fall.clamp(-_UNKNOWN, _UNKNOWN).mean(0)
    fall[concepts.level[:, 0] == 0] = _UNKNOWN * 2  # an expert that has learned nothing explains nothing
    if float(fall.min()) < _UNKNOWN - 1e-3:
        closest = int(fall.argmin())
    else:  # no class is known to any expert: the nearest is the one whose concepts lie nearest, whatever their class
        closest = int(concepts.coarse_log_density(x).logsumexp(2).mean(0).argmax())
    error = _LEVEL_ERRORS / max(float(concepts.level[closest, 0]), 1.0) ** 0.5 + _BATCH_ERRORS / len(y) ** 0.5
    return Look(closest, float(fall[closest]) - error)


class NoveltyDetector:
    """Counts novel batches in a row.

    Args:
        threshold: least :attr:`Look.novelty` of a novel batch.
        patience: novel batches in a row that make growth.
        cooldown: batches after a growth that cannot make another.
    """

    def __init__(self, threshold: float, patience: int, cooldown: int) -> None:
        self.threshold = threshold
        self.patience = patience
        self.cooldown = cooldown
        self.streak = 0
        self.quiet = 0

    def update(self, novelty: float) -> bool:
        """Take in one batch.

        Args:
            novelty: how new it is to the closest expert.

        Returns:
            Whether to grow now.
        """
        if self.quiet:
            self.quiet -= 1
            self.streak = 0
            return False
        self.streak = self.streak + 1 if novelty > self.threshold else 0
        return self.streak >= self.patience

    def grown(self) -> None:
        """Begin the cooldown."""
        self.streak, self.quiet = 0, self.cooldown

    def export(self) -> dict[str, int]:
        """The counters."""
        return {"streak": self.streak, "quiet": self.quiet}

    def load(self, state: dict[str, int]) -> None:
        """Take over exported counters.

        Args:
            state: what :meth:`export` returned.
        """
        self.streak, self.quiet = int(state["streak"]), int(state["quiet"])
