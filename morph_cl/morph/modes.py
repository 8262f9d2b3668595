"""The modes of all concepts: Gaussians as sums of monomials, those that rest in half precision."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from morph_cl.morph.gaussians import moments, sums_of, width_of
from morph_cl.morph.projection import monomial_count


class Modes(nn.Module):
    """A table of Gaussians, each in its place: the row of its expert and its class.

    Modes of the expert in training are *live*: sums in single precision. Those of the others rest as counts, means and
    covariances, the last two in half precision where asked for; sums of many samples would overflow there.

    Args:
        half: whether resting modes are stored in half precision; else none ever rests.
    """

    sums: Tensor
    place: Tensor
    rest: Tensor
    rest_count: Tensor
    rest_place: Tensor

    NAMES = ("sums", "place", "rest", "rest_count", "rest_place")

    def __init__(self, *, half: bool) -> None:
        super().__init__()
        self.in_half = half
        # Live, (N, monomials) and (N, 2); at rest, (R, monomials - 1) covariance and mean, (R,) and (R, 2).
        self.register_buffer("sums", torch.zeros(0, 1), persistent=False)
        self.register_buffer("place", torch.zeros(0, 2, dtype=torch.int16), persistent=False)
        self.register_buffer("rest", torch.zeros(0, 0, dtype=torch.float16), persistent=False)
        self.register_buffer("rest_count", torch.zeros(0), persistent=False)
        self.register_buffer("rest_place", torch.zeros(0, 2, dtype=torch.int16), persistent=False)

    def __len__(self) -> int:
        return len(self.place) + len(self.rest_place)

    def fit(self, width: int) -> None:
        """Empty the table for Gaussians of so many axes.

        Args:
            width: d.
        """
        monomials = monomial_count(width)
        self.sums, self.rest = self.sums.new_zeros(0, monomials), self.rest.new_zeros(0, monomials - 1)

    def count_by_place(self, experts: int, classes: int) -> Tensor:
        """(E, classes) samples met."""
        counts = torch.cat([self.sums[:, -1], self.rest_count])
        concept = _concept(torch.cat([self.place, self.rest_place]), classes)
        return counts.new_zeros(experts * classes).index_add_(0, concept, counts).view(experts, classes)

    def of(self, row: int) -> tuple[Tensor, Tensor]:
        """Sums (N, monomials) float32 and classes (N,) int64 of the modes of one expert, live ones first.

        Args:
            row: the expert's row.
        """
        live = self.place[:, 0] == row
        sums, label = self.sums[live], self.place[live, 1]
        resting = self.rest_place[:, 0] == row
        if bool(resting.any()):
            sums = torch.cat([sums, self._resting_sums(resting)])
            label = torch.cat([label, self.rest_place[resting, 1]])
        return sums, label.long()

    def rows(self, *, live: bool) -> set[int]:
        """The rows of the experts that have live modes, or of those that have modes at rest.

        Args:
            live: which.
        """
        return set((self.place if live else self.rest_place)[:, 0].tolist())

    def append(self, sums: Tensor, place: Tensor) -> None:
        """Add live modes.

        Args:
            sums: (K, monomials).
            place: (K, 2).
        """
        self.sums = torch.cat([self.sums, sums.to(self.sums)])
        self.place = torch.cat([self.place, place.to(self.place)])

    def drop(self, index: Tensor) -> None:
        """Take live modes out.

        Args:
            index: (K,) their rows in the live table.
        """
        stay = torch.ones(len(self.place), dtype=torch.bool, device=self.place.device)
        stay[index] = False
        self.sums, self.place = self.sums[stay], self.place[stay]

    def renumber(self, new: Tensor) -> None:
        """Move modes to other rows and drop those of experts that are gone.

        Args:
            new: (E,) int16, the new row of each expert, -1 for one that is gone.
        """
        self.place[:, 0] = new[self.place[:, 0].long()]
        self.rest_place[:, 0] = new[self.rest_place[:, 0].long()]
        self.drop((self.place[:, 0] < 0).nonzero().squeeze(1))
        stay = self.rest_place[:, 0] >= 0
        self.rest, self.rest_count, self.rest_place = self.rest[stay], self.rest_count[stay], self.rest_place[stay]

    def wake(self, row: int | None = None) -> None:
        """Make the modes of an expert live.

        Args:
            row: the expert's row; None wakes all.
        """
        if not len(self.rest_place):
            return
        wanted = torch.ones_like(self.rest_count, dtype=torch.bool) if row is None else self.rest_place[:, 0] == row
        if not bool(wanted.any()):
            return
        self.append(self._resting_sums(wanted), self.rest_place[wanted])
        self.rest, self.rest_count = self.rest[~wanted], self.rest_count[~wanted]
        self.rest_place = self.rest_place[~wanted]

    def settle(self, row: int) -> None:
        """Let every mode rest that is not one of an expert's.

        Args:
            row: the row of the expert whose modes stay live.
        """
        if not self.in_half:
            return
        tired = self.place[:, 0] != row
        count, mean, covariance = moments(self.sums[tired])
        upper = torch.triu_indices(mean.shape[1], mean.shape[1], device=mean.device)
        packed = torch.cat([covariance[:, upper[0], upper[1]], mean], 1)
        # A window of few samples leaves axes so short that data of another kind lies thousands of their lengths away.
        largest = torch.finfo(self.rest.dtype).max
        self.rest = torch.cat([self.rest, packed.clamp(-largest, largest).to(self.rest)])
        self.rest_count = torch.cat([self.rest_count, count.to(self.rest_count)])
        self.rest_place = torch.cat([self.rest_place, self.place[tired]])
        self.sums, self.place = self.sums[~tired], self.place[~tired]

    def _resting_sums(self, wanted: Tensor) -> Tensor:
        """Sums of the modes at rest that a mask (R,) chooses."""
        packed = self.rest[wanted].float()
        width = width_of(self.sums.shape[1])
        mean = packed[:, -width:]
        upper = torch.triu_indices(width, width, device=packed.device)
        covariance = packed.new_zeros(len(packed), width, width)
        covariance[:, upper[0], upper[1]] = packed[:, :-width]
        covariance[:, upper[1], upper[0]] = packed[:, :-width]
        return sums_of(self.rest_count[wanted], mean, covariance)


def _concept(place: Tensor, classes: int) -> Tensor:
    """(N,) int64 the concepts that modes belong to, numbered expert by expert."""
    place = place.long()
    return place[:, 0] * classes + place[:, 1]
