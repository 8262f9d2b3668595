"""The densities of concepts at one moment: from the sums of their modes to log-densities of inputs."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from morph_cl.morph.gaussians import factorize, moments, quadratic_form
from morph_cl.morph.logsums import log_sum_exp
from morph_cl.morph.modes import Modes
from morph_cl.morph.projection import monomials

ABSENT = -1e30
"""Log-density of a concept that does not exist; finite, so that differences stay numbers."""

_RIDGE = 1e-3  # added to every variance: pixels that never change would make a covariance singular


class Densities:
    """Mixtures of Gaussians, one a concept, and one Gaussian that stands for each.

    Args:
        modes: the modes of every concept; they must not change while these densities are asked.
        owned: (E, classes) whether the concept exists.
        shrink: share of the covariance of a mode's whole group in its own.
        earlier: the densities of the same modes at an earlier moment: what has rested since is taken from there.
    """

    def __init__(self, modes: Modes, owned: Tensor, shrink: float, earlier: Densities | None = None) -> None:
        self.modes, self.owned, self.shrink = modes, owned, shrink
        self._earlier = earlier._known if earlier is not None else None
        self.experts, self.classes = owned.shape

    def _shrunk(self, sums: Tensor, group: Tensor, groups: int) -> tuple[Tensor, Tensor, Tensor]:
        """Counts, means and covariances that lean on the mean covariance of their group: the fewer samples the more."""
        count, mean, spread = moments(sums)
        total = count.new_zeros(groups).index_add_(0, group, count).clamp_min(1.0)
        share = count / total[group]
        pooled = spread.new_zeros(groups, *spread.shape[1:]).index_add_(0, group, spread * share[:, None, None])
        width = mean.shape[1]
        weight = (self.shrink + width / (width + count)).clamp_max(1.0)[:, None, None]
        return count, mean, (1 - weight) * spread + weight * pooled[group]

    def _whole(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Means and shrunk covariances of the concepts of some experts, the modes of each taken together.

        Args:
            rows: (R,) the experts.

        Returns:
            (R * classes, d) and (R * classes, d, d).
        """
        total = self.modes.totals(self.experts, self.classes).view(*self.owned.shape, -1)[rows].flatten(0, 1)
        expert = torch.arange(len(rows), device=total.device).repeat_interleave(self.classes)
        _, mean, covariance = self._shrunk(total, expert, len(rows))
        return mean, covariance

    def gaussians(self) -> tuple[Tensor, Tensor, Tensor]:
        """One Gaussian a concept: means, shrunk covariances and their Cholesky factors.

        Returns:
            (E, classes, d), (E, classes, d, d) and (E, classes, d, d) float64; standard normal without a concept.
        """
        mean, covariance, factor = self._gaussians(self._rows)
        shape, width = (self.experts, self.classes), mean.shape[1]
        return mean.view(*shape, width), covariance.view(*shape, width, width), factor.view(*shape, width, width)

    @property
    def _rows(self) -> Tensor:
        return torch.arange(self.experts, device=self.owned.device)

    def _gaussians(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """:meth:`gaussians` of some experts, their concepts one after the other."""
        mean, covariance = self._whole(rows)
        eye = torch.eye(mean.shape[1], dtype=torch.float64, device=mean.device)
        owned = self.owned[rows].flatten()[:, None]
        covariance = torch.where(owned[..., None], covariance + _RIDGE * eye, eye)
        covariance, factor = factorize(covariance)
        return torch.where(owned, mean, torch.zeros_like(mean)), covariance, factor

    @cached_property
    def _forms(self) -> list[Tensor]:
        """For each expert the coefficients of its modes' log-densities.

        Returns:
            (classes * K, monomials) each: class by class, filled up to the K of the class with most modes by rows that
            say :data:`ABSENT`. So the modes of a class lie side by side and need not be gathered.
        """
        sums, place = self.modes.all()
        group, groups = place[:, 0] * self.classes + place[:, 1], self.experts * self.classes
        count, mean, covariance = self._shrunk(sums, group, groups)
        # A mode alone in its concept leans on the expert's other concepts instead.
        alone = (torch.bincount(group, minlength=groups) == 1)[group][:, None, None]
        covariance = torch.where(alone, self._whole(self._rows)[1][group], covariance)
        _, factor = factorize(covariance + _RIDGE * torch.eye(mean.shape[1], dtype=mean.dtype, device=mean.device))
        total = count.new_zeros(groups).index_add_(0, group, count)
        form = quadratic_form(mean, factor)
        form[:, -1] += (count / total[group].clamp_min(1e-9)).clamp_min(1e-9).log()
        form = form.float()
        nothing = torch.zeros_like(form[:1])
        nothing[0, -1] = ABSENT
        rows = [place[:, 0] == row for row in range(self.experts)]
        parts = [(torch.cat([form[mine], nothing]), _members(place[mine, 1], self.classes)) for mine in rows]
        return [part[members].flatten(0, 1) for part, members in parts]

    @cached_property
    def _coarse_form(self) -> Tensor:
        """(E * classes, monomials) coefficients; a stream without boundaries asks for them at every batch."""
        known, rows = self._earlier, self._rows
        if known is not None and known[0] is self.modes.rest and len(known[1]) == self.owned.numel():
            form, rows = known[1].clone(), torch.bincount(self.modes.place[:, 0].long()).nonzero().squeeze(1)
        else:
            form = self.owned.new_zeros(self.owned.numel(), self.modes.sums.shape[1], dtype=torch.float32)
        if len(rows):
            mean, _, factor = self._gaussians(rows)
            found = quadratic_form(mean, factor).float()
            form.view(*self.owned.shape, -1)[rows] = found.view(len(rows), self.classes, -1)
        self._earlier = None
        return form

    @property
    def _known(self) -> tuple[Tensor, Tensor] | None:
        """The table of resting modes that coarse coefficients were computed of, and those."""
        return (self.modes.rest, self._coarse_form) if "_coarse_form" in self.__dict__ else self._earlier

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
        return log_sum_exp(values.view(self.classes, -1, values.shape[1]), 1).T

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
