"""Growth: how new a batch is to every expert, by the densities of its concepts and by the loss of its network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from morph_cl.morph.concepts import Concepts
from morph_cl.morph.logsums import log_sum_exp

if TYPE_CHECKING:
    from morph_cl.morph.model import MorphModel
    from morph_cl.morph.options import MorphOptions

_LEVEL_ERRORS = 3.0  # standard errors of an expert's level that a fall must exceed: every batch shares that error
_BATCH_ERRORS = 1.0  # and of the batch's own mean: patience asks for several batches in a row
_UNKNOWN = 10.0  # standard deviations that a sample of a class unknown to the expert counts as
_LEAST_DEVIATION = 0.25  # nats: an expert that knows its data by heart has a loss without spread


@dataclass(frozen=True)
class Look:
    """What one batch looks like to the experts.

    Args:
        closest: row of the expert whose concepts explain the batch best.
        novelty: fall of that expert's mean log-density below its own level, in its own standard deviations, less what
            chance explains.
        surprise: rise of that expert's mean loss above its own level, likewise; 0 where losses are not looked at.
        losses: (B,) that expert's loss on each sample, in nats; None where losses are not looked at.
    """

    closest: int
    novelty: float
    surprise: float = 0.0
    losses: Tensor | None = None

    def evidence(self, options: MorphOptions) -> str:
        """What speaks most for novelty.

        Args:
            options: the thresholds.

        Returns:
            ``density``, ``loss``, or ``density and loss`` where both exceed their thresholds.
        """
        if self.novelty > options.novelty and self._by_loss(options) > options.novelty:
            return "density and loss"
        return "density" if self.novelty >= self._by_loss(options) else "loss"

    def value(self, options: MorphOptions) -> float:
        """One figure for both kinds of evidence: above ``novelty`` where either exceeds its threshold.

        Args:
            options: the thresholds.

        Returns:
            The larger evidence, on the scale of :attr:`novelty`.
        """
        return max(self.novelty, self._by_loss(options))

    def _by_loss(self, options: MorphOptions) -> float:
        return options.novelty + self.surprise - options.surprise if options.surprise else -math.inf


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
def look(model: MorphModel, x: Tensor, y: Tensor) -> Look:
    """Judge a batch.

    Args:
        model: a model of at least one expert with a level.
        x: (B, C, H, W).
        y: (B,) int64 classes.

    Returns:
        The closest expert and how new the batch is to it.
    """
    closest, novelty = _by_density(model.concepts, x, y)
    if not model.options.surprise:
        return Look(closest, novelty)
    losses = expert_losses(model, closest, x, y)
    return Look(closest, novelty, _rise(model.concepts.loss_level[closest], losses), losses)


def _by_density(concepts: Concepts, x: Tensor, y: Tensor) -> tuple[int, float]:
    """The row of the closest expert, and how far the batch falls below its level."""
    density, known = class_log_density(concepts, x, y)
    mean, deviation = concepts.level[:, 1], concepts.level[:, 2].sqrt().clamp_min(1e-3)
    fall = torch.where(known, (mean - density) / deviation, torch.full_like(density, _UNKNOWN))  # (B, E)
    fall = fall.clamp(-_UNKNOWN, _UNKNOWN).mean(0)
    fall[concepts.level[:, 0] == 0] = _UNKNOWN * 2  # an expert that has learned nothing explains nothing
    if float(fall.min()) < _UNKNOWN - 1e-3:
        closest = int(fall.argmin())
    else:  # no class is known to any expert: the nearest is the one whose concepts lie nearest, whatever their class
        closest = int(log_sum_exp(concepts.coarse_log_density(x), 2).mean(0).argmax())
    return closest, float(fall[closest]) - chance(float(concepts.level[closest, 0]), len(y))


def _rise(level: Tensor, losses: Tensor) -> float:
    """How far losses lie above an expert's level; 0 for an expert without one, or one whose loss is no number."""
    weight, mean, variance = (float(part) for part in level.tolist())
    if not weight:
        return 0.0
    rise = (float(losses.mean()) - mean) / max(math.sqrt(variance), _LEAST_DEVIATION)
    return rise - chance(weight, len(losses)) if math.isfinite(rise) else 0.0


def chance(weight: float, size: int) -> float:
    """Standard deviations that the errors of a level and of a batch's mean explain.

    Args:
        weight: samples that made the level.
        size: samples of the batch.
    """
    return _LEVEL_ERRORS / math.sqrt(max(weight, 1.0)) + _BATCH_ERRORS / math.sqrt(size)


def is_mature(model: MorphModel) -> bool:
    """Whether the concepts of the expert in training have met enough to be judged by.

    Args:
        model: the model.
    """
    return float(model.concepts.counts[model.row].sum()) >= model.options.window


def least_rise(model: MorphModel, losses: dict[int, Tensor]) -> float:
    """How far the losses of the expert that answers best, by its own level, lie above that level.

    Args:
        model: the model.
        losses: by number the losses (B,) of some experts, in nats.

    Returns:
        Standard deviations beyond chance; 0 where none of them has a level.
    """
    levels = model.concepts.loss_level
    rises = [
        _rise(levels[row], losses[number])
        for row, number in enumerate(model.numbers)
        if number in losses and float(levels[row, 0])
    ]
    return min(rises, default=0.0)


@torch.no_grad()
def expert_losses(model: MorphModel, row: int, x: Tensor, y: Tensor) -> Tensor:
    """The cross-entropy of one expert's network, as it would answer in evaluation.

    Args:
        model: the model.
        row: the expert's row.
        x: (B, C, H, W).
        y: (B,) int64 classes.

    Returns:
        (B,) losses in nats.
    """
    number = model.numbers[row]
    net = model.pool.net(number)
    training = net.training
    net.eval()
    losses = nn.functional.nll_loss(model.pool(number, x), y, reduction="none")
    net.train(training)
    return losses
