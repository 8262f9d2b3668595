"""The densities of all concepts at one moment, each expert's computed when it is asked for and kept while it rests."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from morph_cl.morph.expert_density import ABSENT, ExpertDensity
from morph_cl.morph.logsums import log_sum_exp
from morph_cl.morph.modes import Modes


class Densities:
    """Mixtures of Gaussians, one a concept, and one Gaussian that stands for each.

    Args:
        modes: the modes of every concept; they must not change while these densities are asked.
        owned: (E, classes) whether the concept exists.
        shrink: share of the covariance of a mode's whole group in its own.
        known: by row the densities of experts that are known already: those of experts that have rested since.
    """

    def __init__(
        self, modes: Modes, owned: Tensor, shrink: float, known: dict[int, ExpertDensity] | None = None
    ) -> None:
        self.modes, self.owned, self.shrink = modes, owned, shrink
        self.experts, self.classes = owned.shape
        self.known = dict(known or {})

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

    def fine(self, everything: Tensor, wanted: Tensor | None = None) -> Tensor:
        """Log-densities under the mixtures.

        Args:
            everything: (monomials, B) of projected inputs.
            wanted: (B, E) bool, the experts whose concepts are asked about; None asks about all.

        Returns:
            (B, E, classes), :data:`ABSENT` where there is no concept or none was asked about.
        """
        density = everything.new_full((everything.shape[1], self.experts, self.classes), ABSENT)
        for row in range(self.experts):
            if wanted is None:
                density[:, row] = self._mixed(self.of(row).form @ everything)
                continue
            rows = wanted[:, row].nonzero().squeeze(1)
            if len(rows):
                density[rows, row] = self._mixed(self.of(row).form @ everything.index_select(1, rows))
        found: Tensor = density.masked_fill(~self.owned, ABSENT)
        return found

    def _mixed(self, values: Tensor) -> Tensor:
        """Log-densities of concepts (B, classes) from those of their modes (classes * K, B)."""
        return log_sum_exp(values.view(self.classes, -1, values.shape[1]), 1).T

    @cached_property
    def _coarse_form(self) -> Tensor:
        """(E * classes, monomials) coefficients."""
        return torch.cat([self.of(row).coarse_form for row in range(self.experts)])

    def coarse(self, everything: Tensor) -> Tensor:
        """Log-densities under one Gaussian a concept.

        Args:
            everything: (monomials, B) of projected inputs.

        Returns:
            (B, E, classes), :data:`ABSENT` where there is no concept.
        """
        density = (self._coarse_form @ everything).T.reshape(everything.shape[1], self.experts, self.classes)
        return density.masked_fill(~self.owned, ABSENT)


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
