"""Concepts: what each expert knows of each class, as densities in a projection shared by all.

The *concept* of an (expert, class) pair is a mixture of Gaussians, its *modes*. It begins as one; a mode that has met
enough samples is cut in two across its longest axis, and both halves go on learning. A sample counts for the nearest
mode of its expert and class. So a stream is read once, no number of modes is fixed beforehand, and two concepts are
joined exactly by putting their modes together.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor, nn

from morph_cl.morph.densities import Densities, renumbered
from morph_cl.morph.expert_density import ExpertDensity
from morph_cl.morph.gaussians import divergence, group_sums, halved, moments
from morph_cl.morph.levels import follow_level, join_levels
from morph_cl.morph.modes import Modes
from morph_cl.morph.precision import WHERE_FAST, Precision
from morph_cl.morph.projection import Projection

_MOST_WEIGHT = 20_000.0  # samples that an expert's level remembers: it follows slow change
_MOST_LOSS_WEIGHT = 2_000.0  # the same of its loss, which learning lowers quickly
_RUN = 4_096  # samples whose monomials are held at once
_SPLITTING_RUN = 512  # the same while modes may still be cut: halves must meet samples before they are cut again


class Concepts(nn.Module):
    """The concepts of all experts.

    Args:
        classes: number of classes.
        dims: principal components of the projection.
        shrink: share of the covariance of an expert's whole class, and of its whole data, in each mode's covariance.
        modes: most modes of a concept.
        split: samples that a mode meets before it is cut.
        half: whether the modes of experts that are not in training are stored in half precision.
        precision: of the products that densities are made of.
    """

    level: Tensor
    loss_level: Tensor

    def __init__(
        self,
        classes: int,
        dims: int,
        shrink: float,
        modes: int = 1,
        split: int = 64,
        *,
        half: bool = False,
        precision: Precision = WHERE_FAST,
    ) -> None:
        super().__init__()
        self.precision = precision
        self.classes = classes
        self.shrink = shrink
        self.most = modes
        self.split = split
        self.most_modes = 10**9
        """Modes of all concepts together beyond which none is cut: what the byte budget leaves."""
        self.projection = Projection(dims)
        self.modes = Modes(half=half)
        # (E, 3): per expert the weight, mean and variance of the log-density of its own held-out data.
        self.register_buffer("level", torch.zeros(0, 3), persistent=False)
        # (E, 3): the same of the loss of the expert's network on data that it was not trained on.
        self.register_buffer("loss_level", torch.zeros(0, 3), persistent=False)
        self.laziness = 0.0
        """Share of what the live modes have met that may come before the densities are computed anew."""
        self._unheard = 0
        self._densities: Densities | None = None
        self._known: dict[int, ExpertDensity] = {}  # by row, of experts that have not changed

    # --- rows ------------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.level)

    @property
    def counts(self) -> Tensor:
        """(E, classes) samples met by each concept."""
        return self.modes.count_by_place(len(self), self.classes)

    @property
    def owned(self) -> Tensor:
        """(E, classes) whether the concept exists: two samples of a class make one."""
        return self.counts >= 2

    def add_expert(self) -> None:
        """Append an expert without concepts, the one to learn from now on."""
        self.level = torch.cat([self.level, self.level.new_zeros(1, 3)])
        self.loss_level = torch.cat([self.loss_level, self.loss_level.new_zeros(1, 3)])
        self.open(len(self) - 1)

    def open(self, row: int) -> None:
        """Let an expert's concepts learn from now on, and those of the others rest.

        Args:
            row: the expert's row.
        """
        live = self.modes.rows(live=True)
        self.modes.wake(row)
        self.modes.settle(row)
        self._changed({row, *live})

    def keep(self, rows: list[int]) -> None:
        """Keep some experts.

        Args:
            rows: the rows to keep, in their new order.
        """
        new = torch.full((len(self),), -1, dtype=torch.int16, device=self.level.device)
        new[rows] = torch.arange(len(rows), dtype=new.dtype, device=new.device)
        self.modes.renumber(new)
        self.level, self.loss_level = self.level[rows], self.loss_level[rows]
        self._changed(())
        self._known = renumbered(self._known, rows)

    def fold(self, row: int, into: int) -> None:
        """Give the concepts of one expert to another: what the merged expert has met.

        Args:
            row: the expert that gives up its concepts; it stays until :meth:`keep` leaves it out.
            into: the expert that gets them; nearest modes are joined where a concept has too many.
        """
        self.modes.wake(row)
        self.modes.wake(into)
        place = self.modes.place
        place[place[:, 0] == row, 0] = into
        for label in self._sizes(into).nonzero().squeeze(1).tolist():
            self._thin(into, label)
        for level in (self.level, self.loss_level):
            join_levels(level, row, into)
        self._changed({row, into})

    def _thin(self, row: int, label: int) -> None:
        """Join the nearest modes of a concept until it has no more than it may."""
        modes = self.modes
        while True:
            mine = ((modes.place[:, 0] == row) & (modes.place[:, 1] == label)).nonzero().squeeze(1)
            if len(mine) <= self.most:
                return
            _, mean, _ = moments(modes.sums[mine])
            distance = torch.cdist(mean, mean).fill_diagonal_(math.inf)
            a, b = divmod(int(distance.argmin()), len(mine))
            modes.sums[mine[a]] += modes.sums[mine[b]]
            modes.drop(mine[b : b + 1])

    # --- learning --------------------------------------------------------------------------------------------------

    def fit_projection(self, x: Tensor) -> None:
        """Fix the projection on a first window, if it is not fixed yet.

        Args:
            x: (N, ...) inputs.
        """
        if self.projection.fitted or len(x) < 2:
            return
        self.projection.fit(x)
        self.modes.fit(self.projection.width)

    @torch.no_grad()
    def observe(self, row: int, x: Tensor, y: Tensor) -> None:
        """Add labelled inputs to the concepts of the expert that was opened last.

        Args:
            row: the expert's row.
            x: (B, ...) inputs.
            y: (B,) int64 classes.
        """
        self.modes.wake(row)
        self._open_concepts(row, y)
        start = 0
        while start < len(y):
            size = _SPLITTING_RUN if self._may_cut(row) else _RUN
            self._count(row, x[start : start + size], y[start : start + size])
            self._cut(row)
            start += size
        self._unheard += len(y)
        if self._unheard >= self.laziness * float(self.modes.sums[:, -1].sum()):
            self._changed({row})

    def _open_concepts(self, row: int, y: Tensor) -> None:
        """An empty mode for each class that the expert meets for the first time."""
        known = self.modes.place[self.modes.place[:, 0] == row, 1].long()
        fresh = torch.bincount(y, minlength=self.classes).nonzero().squeeze(1)
        fresh = fresh[~torch.isin(fresh, known)]
        empty = self.modes.sums.new_zeros(len(fresh), self.modes.sums.shape[1])
        self.modes.append(empty, torch.stack([torch.full_like(fresh, row), fresh], 1))

    def _count(self, row: int, x: Tensor, y: Tensor) -> None:
        """Add samples to the nearest mode of their class."""
        modes = self.modes
        mine = (modes.place[:, 0] == row).nonzero().squeeze(1)
        z = self.projection(x)
        own = modes.sums[mine]
        mean = own[:, -1 - z.shape[1] : -1] / own[:, -1:].clamp_min(1.0)
        distance = torch.cdist(z, mean).masked_fill(y[:, None] != modes.place[mine, 1].long(), math.inf)  # (B, modes)
        modes.sums[mine] += group_sums(z, distance.argmin(1), len(mine))

    def _sizes(self, row: int) -> Tensor:
        """(classes,) number of modes of an expert's concepts."""
        place = self.modes.place
        return torch.bincount(place[place[:, 0] == row, 1].long(), minlength=self.classes)

    def _may_cut(self, row: int) -> bool:
        sizes = self._sizes(row)
        return len(self.modes) < self.most_modes and bool(((sizes > 0) & (sizes < self.most)).any())

    def _cut(self, row: int) -> None:
        """Cut the modes that have met enough, the fullest first, as far as their concepts and the budget allow."""
        modes = self.modes
        ripe = ((modes.place[:, 0] == row) & (modes.sums[:, -1] >= self.split)).nonzero().squeeze(1)
        ripe = ripe[modes.sums[ripe, -1].argsort(descending=True, stable=True)]
        room = (self.most - self._sizes(row)).tolist()
        chosen: list[int] = []
        for index, label in zip(ripe.tolist(), modes.place[ripe, 1].tolist(), strict=True):
            if room[label] > 0 and len(modes) + len(chosen) < self.most_modes:
                room[label] -= 1
                chosen.append(index)
        if chosen:
            modes.sums[chosen], other = halved(modes.sums[chosen])
            modes.append(other, modes.place[chosen])

    def set_level(self, row: int, log_density: Tensor) -> None:
        """Note how well an expert's concepts explain data of its own that they have not met.

        Args:
            row: the expert's row.
            log_density: (B,) log-density of each sample under the concept of its class.
        """
        follow_level(self.level, row, log_density, _MOST_WEIGHT)

    def set_loss_level(self, row: int, losses: Tensor) -> None:
        """Note how well an expert's network answers data of its own that it was not trained on.

        Args:
            row: the expert's row.
            losses: (B,) its loss on each sample, in nats.
        """
        follow_level(self.loss_level, row, losses, _MOST_LOSS_WEIGHT)

    # --- densities -------------------------------------------------------------------------------------------------

    @property
    def densities(self) -> Densities:
        """The densities as the statistics have them now, kept until those change."""
        if self._densities is None:
            self._densities = Densities(self.modes, self.owned, self.shrink, self._known, self.precision)
        return self._densities

    def refresh(self) -> None:
        """Let the densities say all that was met, whatever :attr:`laziness` allows."""
        resting = self.modes.rows(live=False) - self.modes.rows(live=True)
        self._changed(set(range(len(self))) - resting)

    def _changed(self, rows: Collection[int]) -> None:
        """Compute the densities of some experts anew when they are asked for next."""
        self._unheard = 0
        if self._densities is not None:
            self._known, self._densities = self._densities.known, None
        self._known = {row: known for row, known in self._known.items() if row not in rows}

    def gaussians(self) -> tuple[Tensor, Tensor, Tensor]:
        """One Gaussian a concept, its modes taken together: means, shrunk covariances and their Cholesky factors.

        Returns:
            (E, classes, d), (E, classes, d, d) and (E, classes, d, d) float64; standard normal without a concept.
        """
        return self.densities.gaussians()

    def log_density(self, x: Tensor, wanted: Tensor | None = None) -> Tensor:
        """Log-density of inputs under every concept.

        Args:
            x: (B, ...) inputs.
            wanted: (B, E) bool, the experts whose concepts are asked about; None asks about all.

        Returns:
            (B, E, classes), hugely negative where there is no concept or none was asked about.
        """
        return self.densities.fine(self.projection(x), wanted)

    def coarse_log_density(self, x: Tensor) -> Tensor:
        """Log-density of inputs under one Gaussian a concept: many times cheaper than :meth:`log_density`.

        Args:
            x: (B, ...) inputs.

        Returns:
            (B, E, classes), hugely negative where there is no concept.
        """
        return self.densities.coarse(self.projection(x))

    def divergence(self) -> Tensor:
        """Symmetric Kullback-Leibler divergence between any two concepts, in nats.

        Returns:
            (E * classes, E * classes) float64, infinite where a concept does not exist.
        """
        mean, covariance, factor = (part.flatten(0, 1) for part in self.gaussians())
        owned = self.owned.flatten()
        return divergence(mean, covariance, factor).masked_fill(~(owned[:, None] & owned), math.inf)

    # --- state -----------------------------------------------------------------------------------------------------

    def export(self) -> dict[str, Any]:
        """The state as tensors by name."""
        own = {name: getattr(self.modes, name) for name in Modes.NAMES}
        return {
            "level": self.level,
            "loss_level": self.loss_level,
            **own,
            **{name: getattr(self.projection, name) for name in Projection.NAMES},
        }

    def load(self, state: dict[str, Any], densities: Densities | None = None) -> None:
        """Take over an exported state.

        Args:
            state: what :meth:`export` returned.
            densities: those of that state, where they are at hand.
        """
        levels = ("level", "loss_level")
        for part, names in ((self.projection, Projection.NAMES), (self.modes, Modes.NAMES), (self, levels)):
            for name in names:
                setattr(part, name, state[name].to(self.level.device).clone())
        self._changed(range(len(self)))
        self._densities = densities

    def __deepcopy__(self, memo: dict[int, object]) -> Concepts:
        clone = Concepts(
            self.classes,
            self.projection.dims,
            self.shrink,
            self.most,
            self.split,
            half=self.modes.in_half,
            precision=self.precision,
        ).to(self.level.device)
        memo[id(self)] = clone
        clone.load(self.export())
        shared = memo.setdefault(id(self.projection), clone.projection)
        assert isinstance(shared, Projection)
        clone.projection = shared
        clone.most_modes = self.most_modes
        clone.laziness = self.laziness
        clone.training = self.training
        return clone
