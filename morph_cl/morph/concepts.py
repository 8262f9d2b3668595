"""Concepts: one Gaussian density for each class that an expert has met, in a projection shared by all.

The density of one (expert, class) pair is a *concept*. Its logarithm is a linear function of the monomials of degree
two, one and zero of the projected input, so that all concepts are evaluated by one matrix product, and the sums of
the same monomials are the sufficient statistics that streaming needs.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from morph_cl.errors import UsageError
from morph_cl.morph.projection import Projection, monomials

_RIDGE = 1e-3  # added to every variance: pixels that never change would make a covariance singular
_MOST_WEIGHT = 20_000.0  # samples that an expert's level remembers: it follows slow change
_RUN = 4_096  # samples whose monomials are held at once
_ABSENT = -1e30  # log-density of a concept that does not exist; finite, so that differences stay numbers


class Concepts(nn.Module):
    """The concepts of all experts.

    Args:
        classes: number of classes.
        dims: principal components of the projection.
        shrink: share of an expert's pooled covariance in each of its concepts' covariances.
    """

    sums: Tensor
    level: Tensor

    def __init__(self, classes: int, dims: int, shrink: float) -> None:
        super().__init__()
        self.classes = classes
        self.shrink = shrink
        self.projection = Projection(dims)
        # (E, classes, monomials): sums of the monomials of what each concept has met.
        self.register_buffer("sums", torch.zeros(0, classes, 0), persistent=False)
        # (E, 3): per expert the weight, mean and variance of the log-density of its own held-out data.
        self.register_buffer("level", torch.zeros(0, 3), persistent=False)
        self._form: Tensor | None = None

    # --- rows ------------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.sums)

    @property
    def counts(self) -> Tensor:
        """(E, classes) samples met by each concept."""
        return self.sums[..., -1] if self.sums.shape[-1] else self.sums.new_zeros(len(self), self.classes)

    @property
    def owned(self) -> Tensor:
        """(E, classes) whether the concept exists: two samples of a class make one."""
        return self.counts >= 2

    def add_expert(self) -> None:
        """Append an expert without concepts."""
        self.sums = torch.cat([self.sums, self.sums.new_zeros(1, self.classes, self.sums.shape[-1])])
        self.level = torch.cat([self.level, self.level.new_zeros(1, 3)])
        self._form = None

    def keep(self, rows: list[int]) -> None:
        """Keep some experts.

        Args:
            rows: the rows to keep, in their new order.
        """
        self.sums, self.level, self._form = self.sums[rows], self.level[rows], None

    def restore(self, sums: Tensor, level: Tensor) -> None:
        """Take back earlier statistics.

        Args:
            sums: (E, classes, monomials).
            level: (E, 3).
        """
        self.sums, self.level, self._form = sums, level, None

    def fold(self, row: int, into: int) -> None:
        """Add the statistics of one expert to another's: what the merged expert has met.

        Args:
            row: the expert whose statistics are added; it stays until :meth:`keep` leaves it out.
            into: the expert that they are added to.
        """
        self.sums[into] += self.sums[row]
        weights = self.level[[into, row], :1]
        self.level[into, 1:] = (self.level[[into, row], 1:] * weights).sum(0) / weights.sum().clamp_min(1e-9)
        self.level[into, 0] += self.level[row, 0]
        self._form = None

    # --- learning --------------------------------------------------------------------------------------------------

    def fit_projection(self, x: Tensor) -> None:
        """Fix the projection on a first window, if it is not fixed yet.

        Args:
            x: (N, ...) inputs.
        """
        if self.projection.fitted or len(x) < 2:
            return
        self.projection.fit(x)
        width = self.projection.width
        self.sums = self.sums.new_zeros(len(self), self.classes, width * (width + 1) // 2 + width + 1)

    @torch.no_grad()
    def observe(self, row: int, x: Tensor, y: Tensor) -> None:
        """Add labelled inputs to the concepts of one expert.

        Args:
            row: the expert's row.
            x: (B, ...) inputs.
            y: (B,) int64 classes.
        """
        for part_x, part_y in zip(torch.split(x, _RUN), torch.split(y, _RUN), strict=True):
            members = nn.functional.one_hot(part_y, self.classes).to(x.dtype)
            self.sums[row] += (monomials(self.projection(part_x)) @ members).T
        self._form = None

    def set_level(self, row: int, log_density: Tensor) -> None:
        """Note how well an expert's concepts explain data of its own that they have not met.

        Args:
            row: the expert's row.
            log_density: (B,) log-density of each sample under the concept of its class.
        """
        if not len(log_density):
            return
        old, weight = self.level[row].clone(), float(len(log_density))
        share = weight / (float(old[0]) + weight)
        fresh = torch.stack([old[0], log_density.mean(), log_density.var(correction=0)])
        self.level[row] = (1 - share) * old + share * fresh
        self.level[row, 0] = min(float(old[0]) + weight, _MOST_WEIGHT)

    # --- densities -------------------------------------------------------------------------------------------------

    def gaussians(self) -> tuple[Tensor, Tensor, Tensor]:
        """Means, shrunk covariances and their Cholesky factors.

        Returns:
            (E, classes, d), (E, classes, d, d) and (E, classes, d, d) float64; standard normal without a concept.
        """
        width = self.projection.width
        upper = torch.triu_indices(width, width, device=self.sums.device)
        sums, owned = self.sums.double(), self.owned
        count = sums[..., -1].clamp_min(1.0)
        mean = sums[..., -1 - width : -1] / count[..., None]
        square = sums.new_zeros(*count.shape, width, width)
        square[..., upper[0], upper[1]] = sums[..., : upper.shape[1]] / count[..., None]
        square[..., upper[1], upper[0]] = square[..., upper[0], upper[1]]
        spread = square - mean.unsqueeze(-1) * mean.unsqueeze(-2)
        share = (count * owned) / (count * owned).sum(1, keepdim=True).clamp_min(1.0)
        pooled = (spread * share[..., None, None]).sum(1, keepdim=True)
        # A class with few samples for its dimensions leans on the pooled covariance more.
        weight = (self.shrink + width / (width + count))[..., None, None].clamp_max(1.0)
        eye = torch.eye(width, dtype=torch.float64, device=sums.device)
        covariance = (1 - weight) * spread + weight * pooled + _RIDGE * eye
        covariance = torch.where(owned[..., None, None], covariance, eye)
        mean = torch.where(owned[..., None], mean, torch.zeros_like(mean))
        return mean, *_factorize(covariance)

    def _quadratic_form(self) -> Tensor:
        """(E * classes, monomials): the coefficients of every log-density, kept until statistics change."""
        if self._form is None:
            mean, _, factor = self.gaussians()
            width = mean.shape[-1]
            upper = torch.triu_indices(width, width, device=mean.device)
            precision = torch.cholesky_inverse(factor)
            twice = torch.where(upper[0] == upper[1], 0.5, 1.0).to(mean)
            quadratic = -precision[..., upper[0], upper[1]] * twice
            linear = (precision @ mean.unsqueeze(-1)).squeeze(-1)
            log_det = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
            constant = -0.5 * (linear * mean).sum(-1) - log_det - 0.5 * width * math.log(2 * math.pi)
            form = torch.cat([quadratic, linear, constant.unsqueeze(-1)], -1)
            self._form = form.flatten(0, 1).to(self.sums.dtype)
        return self._form

    def log_density(self, x: Tensor) -> Tensor:
        """Log-density of inputs under every concept.

        Args:
            x: (B, ...) inputs.

        Returns:
            (B, E, classes), hugely negative where there is no concept.
        """
        values = (self._quadratic_form() @ monomials(self.projection(x))).T.contiguous()  # (B, E * classes)
        return values.view(-1, len(self), self.classes).masked_fill(~self.owned, _ABSENT)

    def divergence(self) -> Tensor:
        """Symmetric Kullback-Leibler divergence between any two concepts, in nats.

        Returns:
            (E * classes, E * classes) float64, infinite where a concept does not exist.
        """
        mean, covariance, factor = self.gaussians()
        mean, covariance = mean.flatten(0, 1), covariance.flatten(0, 1)
        precision = torch.cholesky_inverse(factor.flatten(0, 1))
        traces = covariance.flatten(1) @ precision.flatten(1).T  # [i, j] = tr(S_i P_j)
        outer = (mean.unsqueeze(-1) * mean.unsqueeze(-2)).flatten(1) @ precision.flatten(1).T
        linear = (precision @ mean.unsqueeze(-1)).squeeze(-1)
        distance = outer - 2 * mean @ linear.T + (linear * mean).sum(1)  # [i, j] = (m_i - m_j)' P_j (m_i - m_j)
        one_way = 0.5 * (traces + distance - mean.shape[1])
        owned = self.owned.flatten()
        both = owned.unsqueeze(0) & owned.unsqueeze(1)
        return (one_way + one_way.T).clamp_min(0.0).masked_fill(~both, math.inf)

    # --- state -----------------------------------------------------------------------------------------------------

    def export(self) -> dict[str, Any]:
        """The state as tensors by name."""
        names = ("mean", "basis", "shift", "scale")
        return {"sums": self.sums, "level": self.level, **{name: getattr(self.projection, name) for name in names}}

    def load(self, state: dict[str, Any]) -> None:
        """Take over an exported state.

        Args:
            state: what :meth:`export` returned.
        """
        device = self.sums.device
        for name in ("mean", "basis", "shift", "scale"):
            setattr(self.projection, name, state[name].to(device).clone())
        self.sums, self.level = state["sums"].to(device).clone(), state["level"].to(device).clone()
        self._form = None

    def __deepcopy__(self, memo: dict[int, object]) -> Concepts:
        clone = Concepts(self.classes, self.projection.dims, self.shrink).to(self.sums.device)
        memo[id(self)] = clone
        clone.load(self.export())
        clone.training = self.training
        return clone


def _factorize(covariance: Tensor) -> tuple[Tensor, Tensor]:
    """Cholesky factors, with more on the diagonal wherever rounding made a covariance indefinite.

    The statistics are sums in single precision: few samples far from the origin leave errors beyond the ridge.

    Args:
        covariance: (..., d, d) symmetric.

    Returns:
        The covariances as factored, and their factors, both (..., d, d).

    Raises:
        UsageError: a covariance is not finite.
    """
    if not bool(covariance.isfinite().all()):
        raise UsageError("a concept's statistics are not finite; scale the inputs down before training.")
    size = covariance.diagonal(dim1=-2, dim2=-1).abs().mean(-1)[..., None, None]
    eye = torch.eye(covariance.shape[-1], dtype=covariance.dtype, device=covariance.device)
    share = 1e-6
    while True:
        factor, failed = torch.linalg.cholesky_ex(covariance)
        if not bool(failed.any()):
            return covariance, factor
        covariance = covariance + eye * size * share * (failed > 0)[..., None, None]
        share *= 10
