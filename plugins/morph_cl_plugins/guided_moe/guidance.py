"""What the gate is taught in training: which expert is meant for which class."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from morph_cl import UsageError


def assign(groups: tuple[tuple[int, ...], ...] | None, experts: int, classes: int) -> Tensor:
    """The expert meant for each class.

    Args:
        groups: the classes of each expert, none twice, at most ``experts`` groups; None deals them out in order.
        experts: number of experts.
        classes: number of classes.

    Returns:
        (classes,) int64.

    Raises:
        UsageError: groups that miss a class, or hold one that is not there.
    """
    if groups is None:
        return torch.arange(classes) * min(experts, classes) // classes
    expert_of = {label: number for number, group in enumerate(groups) for label in group}
    wrong = sorted(expert_of.keys() ^ set(range(classes)))
    if wrong:
        raise UsageError(
            f"guided-moe.groups {'holds' if wrong[0] in expert_of else 'misses'} class {wrong[0]}, but the stream has "
            f"the classes 0 to {classes - 1}; give each of them to one expert, or leave groups out."
        )
    return torch.tensor([expert_of[label] for label in range(classes)])


class Guidance(nn.Module):
    """A loss on the gate, and how much of it is left for each class.

    Each class is annealed by the training steps that it took part in, so one that comes late is guided as much as the
    first ones were.

    Args:
        assignment: (classes,) the expert meant for each class.
        strength: weight at the start.
        end: share of it that is left at the end, in [0, 1].
        anneal: steps with a class until then; None never lowers the weight.
    """

    assignment: Tensor
    steps: Tensor

    def __init__(self, assignment: Tensor, strength: float, end: float, anneal: int | None) -> None:
        super().__init__()
        self.strength = strength
        self.end = end
        self.anneal = anneal
        self.register_buffer("assignment", assignment)
        self.register_buffer("steps", torch.zeros_like(assignment))

    def forward(self, log_probabilities: Tensor, y: Tensor) -> Tensor:
        """The loss of a training batch, each sample weighted by what is left for its class.

        Args:
            log_probabilities: (B, E) of the gate.
            y: (B,) int64.

        Returns:
            A scalar.
        """
        meant = log_probabilities.gather(1, self.assignment[y].unsqueeze(1)).squeeze(1)
        return -(self.weight()[y] * meant).mean()

    def weight(self) -> Tensor:
        """The weight of each class, (classes,)."""
        if self.anneal is None:
            return torch.full(self.steps.shape, self.strength, device=self.steps.device)
        progress = (self.steps / self.anneal).clamp(max=1.0)
        return self.strength * (1 - (1 - self.end) * progress)

    def count(self, y: Tensor) -> None:
        """Count a training step.

        Args:
            y: (B,) int64, the classes of its batch.
        """
        self.steps += torch.bincount(y, minlength=len(self.steps)) > 0
