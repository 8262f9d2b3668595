"""The densities of concepts at one moment: from the sums of their modes to log-densities of inputs."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from morph_cl.morph.gaussians import factorize, moments, quadratic_form
from morph_cl.morph.projection import monomials

ABSENT = -1e30
"""Log-density of a concept that does not exist; finite, so that differences stay numbers."""

_RIDGE = 1e-3  # added to every variance: pixels that never change would make a covariance singular


class Densities:
    """Mixtures of Gaussians, one a concept, and one Gaussian that stands for each.

    Args:
        sums: (N, monomials) of every mode.
        place: (N, 2) int64, its expert's row and its class.
        owned: (E, classes) whether the concept exists.
        shrink: share of the covariance of a mode's whole group in its own.
    """

    def __init__(self, sums: Tensor, place: Tensor, owned: Tensor, shrink: float) -> None:
        self.sums, self.place, self.owned, self.shrink = sums, place, owned, shrink
        self.experts, self.classes = owned.shape
        self._group = place[:, 0] * self.classes + place[:, 1]

    def _shrunk(self, sums: Tensor, group: Tensor, groups: int) -> tuple[Tensor, Tensor, Tensor]:
        """Counts, means and covariances that lean on the mean covariance of their group: the fewer samples the more."""
        count, mean, spread = moments(sums)
        total = count.new_zeros(groups).index_add_(0, group, count).clamp_min(1.0)
        share = count / total[group]
        pooled = spread.new_zeros(groups, *spread.shape[1:]).index_add_(0, group, spread * share[:, None, None])
        width = mean.shape[1]
        weight = (self.shrink + width / (width + count)).clamp_max(1.0)[:, None, None]
        return count, mean, (1 - weight) * spread + weight * pooled[group]

    @cached_property
    def _whole(self) -> tuple[Tensor, Tensor]:
        """Means (E * classes, d) and shrunk covariances (E * classes, d, d) of concepts, their modes taken together."""
        groups = self.experts * self.classes
        total = self.sums.new_zeros(groups, self.sums.shape[1]).index_add_(0, self._group, self.sums)
        rows = torch.arange(groups, device=self.place.device) // self.classes
        _, mean, covariance = self._shrunk(total, rows, self.experts)
        return mean, covariance

    def gaussians(self) -> tuple[Tensor, Tensor, Tensor]:
        """One Gaussian a concept: means, shrunk covariances and their Cholesky factors.

        Returns:
            (E, classes, d), (E, classes, d, d) and (E, classes, d, d) float64; standard normal without a concept.
        """
        mean, covariance = self._whole
        eye = torch.eye(mean.shape[1], dtype=torch.float64, device=mean.device)
        owned = self.owned.flatten()[:, None]
        covariance = torch.where(owned[..., None], covariance + _RIDGE * eye, eye)
        covariance, factor = factorize(covariance)
        mean = torch.where(owned, mean, torch.zeros_like(mean))
        shape, width = (self.experts, self.classes), mean.shape[1]
        return mean.view(*shape, width), covariance.view(*shape, width, width), factor.view(*shape, width, width)

    @cached_property
    def _forms(self) -> list[Tensor]:
        """For each expert the coefficients of its modes' log-densities.

        Returns:
            (classes * K, monomials) each: class by class, filled up to the K of the class with most modes by rows that
            say :data:`ABSENT`. So the modes of a class lie side by side and need not be gathered.
        """
        group, groups = self._group, self.experts * self.classes
        count, mean, covariance = self._shrunk(self.sums, group, groups)
        # A mode alone in its concept leans on the expert's other concepts instead.
        alone = (torch.bincount(group, minlength=groups) == 1)[group][:, None, None]
        covariance = torch.where(alone, self._whole[1][group], covariance)
        _, factor = factorize(covariance + _RIDGE * torch.eye(mean.shape[1], dtype=mean.dtype, device=mean.device))
        total = count.new_zeros(groups).index_add_(0, group, count)
        form = quadratic_form(mean, factor)
        form[:, -1] += (count / total[group].clamp_min(1e-9)).clamp_min(1e-9).log()
        form = form.float()
        nothing = torch.zeros_like(form[:1])
        nothing[0, -1] = ABSENT
        rows = [self.place[:, 0] == row for row in range(self.experts)]
        parts = [(torch.cat([form[mine], nothing]), _members(self.place[mine, 1], self.classes)) for mine in rows]
        return [part[members].flatten(0, 1) for part, members in parts]

    @cached_property
    def _coarse_form(self) -> Tensor:
        mean, _, factor = self.gaussians()
        return quadratic_form(mean.flatten(0, 1), factor.flatten(0, 1)).float()

    def fine(self, z: Tensor, wanted: Tensor | None = None) -> Tensor:
        """Log-densities under the mixtures.

        Args:
            z: (B, d) projected inputs.
            wanted: (B, E) bool, the experts whose concepts are asked about; None asks about all.

        Returns:
            (B, E, classes), :data:`ABSENT` where there is no concept or none was asked about.
        """
        density = z.new_full((len(z), self.experts, self.classes), ABSENT)
        everything = monomials(z) if wanted is None else None
        for row, form in enumerate(self._forms):
            if everything is not None:
                density[:, row] = self._mixed(form @ everything)
                continue
            assert wanted is not None
            rows = wanted[:, row].nonzero().squeeze(1)
            if len(rows):
                density[rows, row] = self._mixed(form @ monomials(z[rows]))
        found: Tensor = density.masked_fill(~self.owned, ABSENT)
        return found

    def _mixed(self, values: Tensor) -> Tensor:
        """Log-densities of concepts (B, classes) from those of their modes (classes * K, B)."""
        mixed: Tensor = values.view(self.classes, -1, values.shape[1]).logsumexp(1).T
        return mixed

    def coarse(self, z: Tensor) -> Tensor:
        """Log-densities under one Gaussian a concept.

        Args:
            z: (B, d) projected inputs.

        Returns:
            (B, E, classes), :data:`ABSENT` where there is no concept.
        """
        density = (self._coarse_form @ monomials(z)).T.reshape(len(z), self.experts, self.classes)
        return density.masked_fill(~self.owned, ABSENT)


def exclude(density: Tensor, allowed: Tensor | None) -> Tensor:
    """Log-densities without the concepts of classes outside a task.

    Args:
        density: (B, E, classes).
        allowed: (B, classes) or (classes,) bool, the classes of each sample's task; None allows all.

    Returns:
        (B, E, classes).
    """
    return density if allowed is None else density.masked_fill(~allowed.expand(len(density), -1)[:, None], ABSENT)


def _members(group: Tensor, groups: int) -> Tensor:
    """For each group the indices of its members.

    Args:
        group: (N,) the group of each member.
        groups: G.

    Returns:
        (G, K) int64, K the size of the largest group; ``N`` fills up.
    """
    order = group.argsort(stable=True)
    size = torch.bincount(group, minlength=groups)
    first = size.cumsum(0) - size
    place = torch.arange(len(group), device=group.device) - first[group[order]]
    members = group.new_full((groups, max(int(size.max()), 1)), len(group))
    members[group[order], place] = order
    return members
