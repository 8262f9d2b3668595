"""What experts say of samples that are looked at again and again: asked once, and only where it counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from morph_cl.morph.mixture import Choice

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
        self._column: dict[nn.Module, int] = {}
        self._said = x.new_zeros(len(x), 0, model.classes)  # (N, networks, classes)
        self._known = torch.zeros(len(x), 0, dtype=torch.bool, device=x.device)  # (N, networks)

    def of(self, number: int, wanted: Tensor) -> Tensor:
        """Log-probabilities of one expert.

        Args:
            number: the expert's number.
            wanted: (N,) bool, the samples that it is asked about.

        Returns:
            (N, classes); zeros where it was never asked.
        """
        column = self._columns([number])[0]
        missing = wanted & ~self._known[:, column]
        if bool(missing.any()):
            with torch.no_grad():
                self._said[missing, column] = self.model.pool(number, self.x[missing])
            self._known[:, column] |= missing
        return self._said[:, column]

    def to(self, choice: Choice) -> Tensor:
        """Log-probabilities of the experts that a choice asks.

        Args:
            choice: a row a sample.

        Returns:
            (N, k, classes); zeros where an expert that does not matter was never asked.
        """
        numbers = self.model.numbers
        places = self.x.new_tensor(self._columns(numbers), dtype=torch.int64)[choice.rows]  # (N, k) columns
        missing = choice.chosen.isfinite() & ~self._known.gather(1, places)
        for row in choice.rows[missing].unique(sorted=True).tolist():  # type: ignore[no-untyped-call]
            self.of(numbers[row], ((choice.rows == row) & missing).any(1))
        return self._said.gather(1, places.unsqueeze(2).expand(-1, -1, self._said.shape[2]))

    def _columns(self, numbers: list[int]) -> list[int]:
        """Where experts' answers stand in the tables, which grow by networks not met before."""
        nets = [self.model.pool.net(number) for number in numbers]
        fresh = [net for net in nets if net not in self._column]
        self._column |= {net: len(self._column) + place for place, net in enumerate(fresh)}
        if fresh:
            self._said = torch.cat([self._said, self._said.new_zeros(len(self.x), len(fresh), self._said.shape[2])], 1)
            self._known = torch.cat([self._known, self._known.new_zeros(len(self.x), len(fresh))], 1)
        return [self._column[net] for net in nets]
