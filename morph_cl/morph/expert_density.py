"""The densities of one expert's concepts: from the sums of its modes to coefficients of log-densities."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional

from morph_cl.morph.gaussians import factorize, moments, quadratic_form, rough_form, whitening
from morph_cl.morph.precision import rounded

ABSENT = -1e30
"""Log-density of a concept that does not exist; finite, so that differences stay numbers."""

JOINT = 25
"""Axes, the last ones, whose covariances :attr:`ExpertDensity.rough_form` keeps: the residual and the 24 principal
components of largest variance."""

_RIDGE = 1e-3  # added to every variance: pixels that never change would make a covariance singular


class ExpertDensity:
    """What one expert's concepts are at one moment.

    Args:
        sums: (N, monomials) float32 sums of its modes.
        label: (N,) int64 the class of each mode.
        owned: (classes,) bool, whether each concept exists.
        shrink: share of the covariance of a mode's whole group in its own.
    """

    def __init__(self, sums: Tensor, label: Tensor, owned: Tensor, shrink: float) -> None:
        self._modes: tuple[Tensor, Tensor] | None = (sums, label)
        self._order = label.argsort(stable=True)
        self._label = label[self._order]
        sizes = torch.bincount(label, minlength=len(owned))
        self._rank = torch.arange(len(label), device=label.device) - (sizes.cumsum(0) - sizes)[self._label]
        self.most = max(int(sizes.max()), 1)
        """How many modes the class with most modes has."""
        self.owned, self.shrink = owned, shrink
        self._forms: dict[torch.dtype, Tensor] = {}
        self._slots: dict[int, Tensor] = {}

    @property
    def _classes(self) -> int:
        return len(self.owned)

    def _sums(self) -> tuple[Tensor, Tensor]:
        """Sums and classes of the modes, which are there until all is computed."""
        assert self._modes is not None
        return self._modes

    def _release(self, other: str) -> None:
        """Let go of the modes, once the other of :attr:`gaussians` and :meth:`form` is known as well."""
        if other in self.__dict__:
            self._modes = None
            self.__dict__.pop("_whole", None)

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
        """Means (classes, d) and shrunk covariances (classes, d, d), the modes of each concept taken together."""
        sums, label = self._sums()
        total = sums.new_zeros(self._classes, sums.shape[1]).index_add_(0, label, sums)
        _, mean, covariance = self._shrunk(total, torch.zeros_like(self.owned, dtype=torch.int64), 1)
        return mean, covariance

    @cached_property
    def gaussians(self) -> tuple[Tensor, Tensor, Tensor]:
        """One Gaussian a concept: means, shrunk covariances and their Cholesky factors.

        Returns:
            (classes, d), (classes, d, d) and (classes, d, d) float64; standard normal without a concept.
        """
        mean, covariance = self._whole
        eye = torch.eye(mean.shape[1], dtype=torch.float64, device=mean.device)
        owned = self.owned[:, None]
        covariance = torch.where(owned[..., None], covariance + _RIDGE * eye, eye)
        covariance, factor = factorize(covariance)
        self._release("_axes_and_form")
        return torch.where(owned, mean, torch.zeros_like(mean)), covariance, factor

    @cached_property
    def coarse_form(self) -> Tensor:
        """(classes, monomials) float32 coefficients of the log-densities of :attr:`gaussians`."""
        mean, _, factor = self.gaussians
        return quadratic_form(mean, factor).float()

    @cached_property
    def rough_form(self) -> Tensor:
        """(classes, monomials) coefficients of :attr:`gaussians`, with those covariances that :data:`JOINT` keeps."""
        mean, covariance, _ = self.gaussians
        return rough_form(mean, covariance, JOINT).float()

    def own_axes(self, z: Tensor) -> Tensor:
        """Projected inputs along axes of this expert: its data has mean zero and, within modes, unit variance on each.

        There the coefficients of :meth:`form` are near those of a standard normal, so that few digits do for them.

        Args:
            z: (B, d).

        Returns:
            (B, d).
        """
        shift, axes = self._axes_and_form[:2]
        return torch.addmm(shift, z, axes)

    def form(self, kind: torch.dtype) -> Tensor:
        """(N, monomials) coefficients of the log-densities of the modes along :meth:`own_axes`, class by class.

        Rows of zeros follow, up to what :func:`~morph_cl.morph.precision.rounded` says.

        Args:
            kind: their type.
        """
        if kind not in self._forms:
            form = self._axes_and_form[2]
            self._forms[kind] = functional.pad(form, (0, 0, 0, rounded(len(form), kind) - len(form))).to(kind)
        return self._forms[kind]

    @cached_property
    def _axes_and_form(self) -> tuple[Tensor, Tensor, Tensor]:
        """Shift (d,) and axes (d, d), and the coefficients, all float32."""
        (sums, label), classes = self._sums(), self._classes
        count, mean, covariance = self._shrunk(sums, label, classes)
        # A mode alone in its concept leans on the expert's other concepts instead.
        alone = (torch.bincount(label, minlength=classes) == 1)[label][:, None, None]
        covariance = torch.where(alone, self._whole[1][label], covariance)
        covariance = covariance + _RIDGE * torch.eye(mean.shape[1], dtype=mean.dtype, device=mean.device)
        centre, axes = whitening(count, mean, covariance)
        _, factor = factorize(axes @ covariance @ axes.T)
        form = quadratic_form((mean - centre) @ axes.T, factor)
        total = count.new_zeros(classes).index_add_(0, label, count)
        form[:, -1] += (count / total[label].clamp_min(1e-9)).clamp_min(1e-9).log() + axes.diagonal().log().sum()
        self._release("gaussians")
        return (-centre @ axes.T).float(), axes.T.float(), form[self._order].float()

    def slots(self, width: int) -> Tensor:
        """Where each row of :meth:`form` stands in a table of classes by modes.

        Args:
            width: modes of a class that the table has room for, at least :attr:`most`.

        Returns:
            (N,) int64, counted along the table's rows.
        """
        if width not in self._slots:
            self._slots[width] = self._label * width + self._rank
        return self._slots[width]
