"""What adapts quickly in a stream without boundaries: recent samples, how much to learn of them, what is new lately."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from morph_cl.morph.concepts import Concepts
from morph_cl.morph.context import Context
from morph_cl.morph.effort import Effort
from morph_cl.morph.growth import chance
from morph_cl.morph.options import MorphOptions
from morph_cl.morph.projection import Projection
from morph_cl.morph.recent import Recent
from morph_cl.morph.strays import Strays
from morph_cl.morph.trust import Trust

_LEAST = 60  # samples that the latest density is made of before anything is compared with it
_SIGHT = 40  # latest samples that say whether the frame of the expert in training fits
_RECENT_SHARE = 0.05  # of the bytes, at most, for recent samples


class Adapting(nn.Module):
    """The short-term side of the expert in training.

    Args:
        options: MORPH's options.
        concepts: the long-term side; its projection serves here too.
        input_shape: (C, H, W).
        classes: number of classes.
    """

    def __init__(
        self, options: MorphOptions, concepts: Concepts, input_shape: tuple[int, int, int], classes: int
    ) -> None:
        super().__init__()
        room = int(options.max_bytes * _RECENT_SHARE) // (math.prod(input_shape) + 2)
        self.recent = Recent(min(options.recent, max(room, 10)), input_shape)
        self.effort = Effort(options.effort)
        self.context = Context()
        self.trust = Trust()
        self.strays = Strays()
        self.sight = Recent(_SIGHT, input_shape)
        self.turned = 0.0
        self.horizon = options.follow
        self.lately = Concepts(classes, options.dims, options.shrink, precision=concepts.precision)
        self.lately.projection = concepts.projection
        self.lately.laziness = 0.1
        self.lately.add_expert()
        self.pending: list[tuple[Tensor, Tensor]] = []

    def opened(self, *, known: bool) -> None:
        """Begin anew: another expert is in training.

        Args:
            known: whether it was trained before.
        """
        self.recent.clear()
        self.sight.clear()
        self.turned = 0.0
        self.effort.opened(known=known)
        self.trust.opened()
        self.strays.clear()
        self._forget()

    def _forget(self) -> None:
        width = self.lately.projection.width
        if width:
            self.lately.modes.fit(width)
        self.lately.modes.place = self.lately.modes.place[:0]
        self.lately.level.zero_()
        self.lately.refresh()

    def compare_with(self, x: Tensor, y: Tensor) -> None:
        """Let the latest samples that batches are compared with include these.

        Args:
            x: (B, C, H, W) samples of the expert in training.
            y: (B,) int64 classes.
        """
        if not self.horizon or not self.lately.projection.fitted or not len(y):
            return
        if not len(self.lately.modes):
            self.lately.modes.fit(self.lately.projection.width)
        sums = self.lately.modes.sums
        if float(sums[:, -1].sum()) >= _LEAST:
            self.lately.set_level(0, self._density(x, y))
            self.lately.level[0, 0].clamp_(max=self.horizon)
        sums *= max(1 - len(y) / self.horizon, 0.0)
        self.lately.observe(0, x, y)

    @torch.no_grad()
    def _density(self, x: Tensor, y: Tensor) -> Tensor:
        density: Tensor = self.lately.coarse_log_density(x)[:, 0].gather(1, y[:, None]).squeeze(1)
        return density[density > -1e20]

    def novelty(self, x: Tensor, y: Tensor) -> float:
        """How far a batch lies below the latest samples, in their standard deviations, beyond what chance explains.

        Args:
            x: (B, C, H, W).
            y: (B,) int64 classes.

        Returns:
            Infinite where the latest samples are too few to tell, or of other classes alone.
        """
        weight, mean, variance = self.lately.level[0].tolist()
        density = self._density(x, y) if self.horizon and weight else x.new_empty(0)
        if not len(density):
            return math.inf
        return float((mean - density.mean()) / max(math.sqrt(variance), 1e-3)) - chance(weight, len(density))

    def wait(self, x: Tensor, y: Tensor, batches: int) -> bool:
        """Put a batch aside until it is clear whose it is.

        Args:
            x: (B, C, H, W).
            y: (B,) int64 classes.
            batches: at which one in a row, this one included, none waits any longer.

        Returns:
            Whether it waits; else it is to be learned.
        """
        if len(self.pending) + 1 >= batches:
            return False
        self.pending.append((x, y))
        return True

    def waited(self) -> list[tuple[Tensor, Tensor]]:
        """The batches put aside, which wait no longer: what learns none of them leaves a passing disturbance alone."""
        waiting, self.pending = self.pending, []
        return waiting

    def export(self) -> dict[str, Any]:
        """The state as tensors and numbers by name."""
        return {
            "recent": self.recent.export(),
            "sight": self.sight.export(),
            "turned": self.turned,
            "effort": self.effort.export(),
            "context": self.context.export(),
            "trust": self.trust.export(),
            "strays": self.strays.export(),
            "lately": {name: value for name, value in self.lately.export().items() if name not in Projection.NAMES},
            "pending": [[x, y] for x, y in self.pending],
        }

    def load(self, state: dict[str, Any], concepts: Concepts) -> None:
        """Take over an exported state.

        Args:
            state: what :meth:`export` returned.
            concepts: the long-term side, already loaded.
        """
        self.recent.load(state["recent"])
        self.sight.load(state["sight"])
        self.turned = float(state["turned"])
        self.effort.load(state["effort"])
        self.context.load(state["context"])
        self.trust.load(state["trust"])
        self.strays.load(state["strays"])
        self.lately.projection = concepts.projection
        self.lately.load({**state["lately"], **concepts.projection.named()})
        self.pending = [(x, y) for x, y in state["pending"]]
