"""What experts say of samples that are looked at again and again: asked once, and only where it counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from morph_cl.morph.model import MorphModel


class Answers:
    """The answers of a model's experts to fixed samples, kept by network.

    A network that comes back after an undone change is not asked again, and none is asked about a sample that is not
    routed to it, so the work does not grow with the number of experts.

    Args:
        model: the model.
        x: (N, C, H, W) the samples.
    """

    def __init__(self, model: MorphModel, x: Tensor) -> None:
        self.model = model
        self.x = x
        self._kept: dict[nn.Module, tuple[Tensor, Tensor]] = {}

    def of(self, number: int, wanted: Tensor | None = None) -> Tensor:
        """Log-probabilities of one expert.

        Args:
            number: the expert's number.
            wanted: (N,) bool, the samples that it is asked about; None asks about all.

        Returns:
            (N, classes); zeros where it was never asked.
        """
        said, known = self._known(number)
        missing = ~known if wanted is None else wanted & ~known
        if bool(missing.any()):
            with torch.no_grad():
                said[missing] = self.model.pool(number, self.x[missing])
            known |= missing
        return said

    def where(self, asked: Tensor) -> Tensor:
        """Log-probabilities of all experts where they are asked.

        Args:
            asked: (N, E) bool.

        Returns:
            (N, E, classes); zeros where an expert was never asked.
        """
        numbers = self.model.numbers
        known = torch.stack([self._known(number)[1] for number in numbers], 1)
        for row in (asked & ~known).any(0).nonzero().squeeze(1).tolist():
            self.of(numbers[row], asked[:, row])
        return torch.stack([self._known(number)[0] for number in numbers], 1)

    def _known(self, number: int) -> tuple[Tensor, Tensor]:
        """What an expert has said, (N, classes), and of which samples, (N,) bool; both are filled in place."""
        net = self.model.pool.net(number)
        if net not in self._kept:
            size = len(self.x)
            self._kept[net] = (
                self.x.new_zeros(size, self.model.classes),
                torch.zeros(size, dtype=torch.bool, device=self.x.device),
            )
        return self._kept[net]
