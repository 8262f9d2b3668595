"""The densities of all concepts at one moment, each expert's computed when it is asked for and kept while it rests."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional

from morph_cl.morph.expert_density import ABSENT, JOINT, ExpertDensity
from morph_cl.morph.logsums import log_sum_exp
from morph_cl.morph.modes import Modes
from morph_cl.morph.precision import WHERE_FAST, Precision, rounded
from morph_cl.morph.projection import monomials

_RUN = 2_048  # pairs of a sample and an expert whose monomials are held at once


class Densities:
    """Mixtures of Gaussians, one a concept, and one Gaussian that stands for each.

    Args:
        modes: the modes of every concept; they must not change while these densities are asked.
        owned: (E, classes) whether the concept exists.
        shrink: share of the covariance of a mode's whole group in its own.
        known: by row the densities of experts that are known already: those of experts that have rested since.
        precision: of the products.
    """

    def __init__(
        self,
        modes: Modes,
        owned: Tensor,
        shrink: float,
        known: dict[int, ExpertDensity] | None = None,
        precision: Precision = WHERE_FAST,
    ) -> None:
        self.modes, self.owned, self.shrink, self.precision = modes, owned, shrink, precision
        self.experts, self.classes = owned.shape
        self.known = dict(known or {})
        self._rough_forms: dict[torch.dtype, Tensor] = {}

    def of(self, row: int) -> ExpertDensity:
        """The densities of one expert.

        Args:
            row: its row.
        """
        if row not in self.known:
            self.known[row] = ExpertDensity(*self.modes.of(row), self.owned[row], self.shrink)
        return self.known[row]

    def gaussians(self) -> tuple[Tensor, Tensor, Tensor]:
        """One Gaussian a concept: means, shrunk covariances and their Cholesky factors.

        Returns:
            (E, classes, d), (E, classes, d, d) and (E, classes, d, d) float64; standard normal without a concept.
        """
        mean, covariance, factor = zip(*(self.of(row).gaussians for row in range(self.experts)), strict=True)
        return torch.stack(mean), torch.stack(covariance), torch.stack(factor)

    def fine(self, z: Tensor, wanted: Tensor | None = None) -> Tensor:
        """Log-densities under the mixtures.

        Args:
            z: (B, d) projected inputs.
            wanted: (B, E) bool, the experts whose concepts are asked about; None asks about all.

        Returns:
            (B, E, classes), :data:`ABSENT` where there is no concept or none was asked about.
        """
        density = z.new_full((len(z), self.experts, self.classes), ABSENT)
        if wanted is None:
            wanted = torch.ones(len(z), self.experts, dtype=torch.bool, device=z.device)
        self.fill(density, z, wanted)
        return density

    def fill(self, density: Tensor, z: Tensor, wanted: Tensor) -> None:
        """Write log-densities under the mixtures where they are wanted, and nothing elsewhere.

        Args:
            density: (B, E, classes), what is written to.
            z: (B, d) projected inputs.
            wanted: (B, E) bool, the experts whose concepts are asked about.
        """
        experts, samples = wanted.T.nonzero(as_tuple=True)  # expert by expert
        if not len(samples):
            return
        for rows, mine in zip(torch.split(samples, _RUN), torch.split(experts, _RUN), strict=True):
            density[rows, mine] = self._of_pairs(z, rows, mine)

    def _of_pairs(self, z: Tensor, samples: Tensor, experts: Tensor) -> Tensor:
        """Log-densities (P, classes) of samples, each under the concepts of one expert; P pairs, expert by expert."""
        counts = experts.bincount(minlength=self.experts)
        met = counts.nonzero().squeeze(1)
        sizes, known = counts[met].tolist(), [self.of(row) for row in met.tolist()]
        width = max(density.most for density in known)
        kind = self.precision.of(z)
        room = [rounded(size, kind) for size in sizes]
        values = z.new_full((self.classes * width, sum(room)), ABSENT, dtype=kind)  # of modes, a class's side by side
        own_axes = torch.cat(
            [
                functional.pad(density.own_axes(own), (0, 0, 0, rows - len(own)))
                for density, own, rows in zip(known, torch.split(z.index_select(0, samples), sizes), room, strict=True)
            ]
        )
        parts = zip(known, torch.split(monomials(own_axes), room, 1), torch.split(values, room, 1), strict=True)
        for density, own, found in parts:
            slots = density.slots(width)
            # Each in a copy of its own: another stride would be another product to compile.
            found.index_copy_(0, slots, (density.form(kind) @ own.to(kind))[: len(slots)])
        total = log_sum_exp(values.view(self.classes, width, -1).to(z.dtype), 1)
        if room != sizes:
            total = total.index_select(1, _placed(sizes, room, z.device))
        return total.T if self._complete else total.T.masked_fill_(~self.owned[experts], ABSENT)

    @cached_property
    def _complete(self) -> bool:
        """Whether every expert has a concept of every class, so that none need be masked."""
        return bool(self.owned.all())

    def _present(self, density: Tensor) -> Tensor:
        """Log-densities (E, classes, B), :data:`ABSENT` where there is no concept."""
        return density if self._complete else density.masked_fill_(~self.owned.unsqueeze(2), ABSENT)

    def coarse(self, z: Tensor) -> Tensor:
        """Log-densities under one Gaussian a concept.

        Args:
            z: (B, d) projected inputs.

        Returns:
            (B, E, classes), :data:`ABSENT` where there is no concept.
        """
        density = (self._coarse_form @ monomials(z)).view(self.experts, self.classes, len(z))
        return self._present(density).permute(2, 0, 1)

    @cached_property
    def _coarse_form(self) -> Tensor:
        """(E * classes, monomials) coefficients."""
        return torch.cat([self.of(row).coarse_form for row in range(self.experts)])

    def nearest(self, z: Tensor, allowed: Tensor | None = None) -> Tensor:
        """Roughly, the log-density under the concept of each expert that explains an input best.

        It is that of one Gaussian a concept whose less important axes are taken to be independent.

        Args:
            z: (B, d) projected inputs.
            allowed: (B, classes) or (classes,) bool, the classes that count for each input; None counts all.

        Returns:
            (B, E), :data:`ABSENT` for an expert without a concept that counts.
        """
        kind = self.precision.of(z)
        rough = self._rough_form(kind) @ monomials(z, JOINT).to(kind)
        density = self._present(rough.view(self.experts, self.classes, len(z)))
        if allowed is not None:
            density = density.masked_fill_(~allowed.expand(len(z), -1).T, ABSENT)
        return density.amax(1).T.to(z.dtype)

    def _rough_form(self, kind: torch.dtype) -> Tensor:
        """(E * classes, fewer monomials) coefficients."""
        if kind not in self._rough_forms:
            self._rough_forms[kind] = torch.cat([self.of(row).rough_form for row in range(self.experts)]).to(kind)
        return self._rough_forms[kind]


def _placed(sizes: Sequence[int], room: Sequence[int], device: torch.device) -> Tensor:
    """Where things stand that lie in compartments, one after the other, with empty room behind those of each."""
    size, before = torch.tensor(sizes, device=device), torch.tensor([0, *room[:-1]], device=device).cumsum(0)
    inside = torch.arange(sum(sizes), device=device) - (size.cumsum(0) - size).repeat_interleave(size)
    return inside + before.repeat_interleave(size)


def renumbered(known: dict[int, ExpertDensity], rows: Sequence[int]) -> dict[int, ExpertDensity]:
    """What is known by row once some experts are kept and moved.

    Args:
        known: densities by the rows of before.
        rows: the rows that are kept, in their new order.
    """
    return {new: known[old] for new, old in enumerate(rows) if old in known}


def exclude(density: Tensor, allowed: Tensor | None) -> Tensor:
    """Log-densities without the concepts of classes outside a task.

    Args:
        density: (B, E, classes).
        allowed: (B, classes) or (classes,) bool, the classes of each sample's task; None allows all.

    Returns:
        (B, E, classes).
    """
    return density if allowed is None else density.masked_fill(~allowed.expand(len(density), -1)[:, None], ABSENT)
