"""The store itself: a uniform sample of everything met, packed where the images allow it."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor, nn

from morph_cl.morph.memory import priority as priorities
from morph_cl.morph.memory.admission import fair_shares, lowered, smallest_keys
from morph_cl.morph.memory.packing import Packing, packable


class ReplayMemory(nn.Module):
    """Samples of everything met: of the stream as a whole, or as many of each class.

    With the policy ``reservoir`` each sample met so far has the same chance to be in it; with ``balanced`` each class
    has an equal share, within which each of its samples has.

    Images in [0, 1] are stored as ``2**bits`` levels; the first batch beyond turns the store to half precision for
    good. Logits are in half precision.

    Args:
        capacity: most samples.
        input_shape: (C, H, W).
        classes: number of classes.
        logits: whether logits are kept for distillation.
        bits: 8, 4 or 2 for one pixel.
        priority: what samples are drawn by; figures it needs are kept with each sample.
        policy: whether each sample or each class has the same chance to be kept.
        frames: whether the frame that a sample was learned through is kept with it.

    Source: Vitter, "Random sampling with a reservoir", ACM TOMS 1985; logits as in Buzzega et al., "Dark Experience
    for General Continual Learning", NeurIPS 2020.
    """

    x: Tensor
    y: Tensor
    owner: Tensor
    logits: Tensor
    key: Tensor
    frame: Tensor
    limit: Tensor

    def __init__(
        self,
        capacity: int,
        input_shape: tuple[int, int, int],
        classes: int,
        *,
        logits: bool,
        bits: int = 8,
        priority: priorities.Kind = "uniform",
        policy: Literal["reservoir", "balanced"] = "reservoir",
        frames: bool = False,
    ) -> None:
        super().__init__()
        self.capacity = capacity
        self.seen = 0
        self.packing = Packing(bits, input_shape)
        self.width = classes if logits else 0
        self.classes, self.priority, self.step = classes, priority, 0
        self.noted = priorities.NOTED[priority]
        self._specialisation: tuple[Tensor, int, Tensor, int, Tensor] | None = None
        empty = {
            "x": torch.zeros(0, self.packing.row_bytes, dtype=torch.uint8),
            "y": torch.zeros(0, dtype=torch.uint8 if classes <= 256 else torch.int16),
            "owner": torch.zeros(0, dtype=torch.int16),
            "logits": torch.zeros(0, self.width, dtype=torch.float16),
        }
        if frames:
            empty["frame"] = torch.zeros(0, 2, 3, dtype=torch.float16)
        if policy == "balanced":
            empty["key"] = torch.zeros(0)
        empty.update({name: torch.zeros(0, dtype=dtype) for name, (dtype, _) in self.noted.items()})
        self.fields = tuple(empty)
        for name, tensor in empty.items():
            self.register_buffer(name, tensor, persistent=False)
        limits = classes if policy == "balanced" else 0
        # The smallest key that each class gave up.
        self.register_buffer("limit", torch.full((limits,), math.inf), persistent=False)

    def __len__(self) -> int:
        return len(self.y)

    @property
    def sample_bytes(self) -> int:
        """Bytes of one stored sample."""
        tensors = [getattr(self, name) for name in self.fields]
        return sum(math.prod(tensor.shape[1:]) * tensor.element_size() for tensor in tensors)

    @torch.no_grad()
    def add(self, x: Tensor, y: Tensor, owner: int) -> Tensor:
        """Offer samples, in any order; some take the place of others.

        Args:
            x: (N, C, H, W) float images.
            y: (N,) int64 classes.
            owner: number of the expert that learned them.

        Returns:
            (K,) the places that were filled; their logits are zero until :meth:`keep_logits`.
        """
        if len(self.limit):
            return self._add_balanced(x, y, owner)
        order = torch.randperm(len(y), device=y.device)
        arrival = self.seen + torch.arange(len(y), device=y.device)
        draw = (torch.rand(len(y), dtype=torch.float64, device=y.device) * (arrival + 1)).long()
        place = torch.where(arrival < self.capacity, arrival, draw)
        self.seen += len(y)
        chosen = torch.full((self.capacity,), -1, dtype=torch.int64, device=y.device)
        accepted = place < self.capacity
        # Of two samples for one place the later stays; amax says so whatever the order of the scatter.
        chosen.scatter_reduce_(0, place[accepted], torch.arange(len(y), device=y.device)[accepted], "amax")
        places = (chosen >= 0).nonzero().squeeze(1)
        self._write(places, x, y, order[chosen[places]], owner)
        return places

    def _add_balanced(self, x: Tensor, y: Tensor, owner: int) -> Tensor:
        """Like :meth:`add`, each class within its share."""
        self.seen += len(y)
        key = torch.rand(len(y), device=y.device)
        rows = (key < self.limit[y]).nonzero().squeeze(1)
        stays = self._within_shares(torch.cat([self.key, key[rows]]), torch.cat([self.y.long(), y[rows]]))
        old, rows = stays[: len(self)], rows[stays[len(self) :]]
        free = (~old).nonzero().squeeze(1)
        places = torch.cat([free, torch.arange(len(self), len(self) + len(rows) - len(free), device=y.device)])
        self._write(places, x, y, rows, owner)
        self.key[places] = key[rows]
        return places

    def _within_shares(self, keys: Tensor, y: Tensor) -> Tensor:
        """(N,) bool: which samples stay; the limits of classes that give some up are lowered."""
        share = fair_shares(torch.bincount(y, minlength=self.classes), self.capacity)
        stays = smallest_keys(keys, y, share)
        self.limit = lowered(self.limit, keys, y, stays)
        return stays

    def _write(self, places: Tensor, x: Tensor, y: Tensor, rows: Tensor, owner: int) -> None:
        """Put some rows of a batch into places."""
        if not len(places):
            return
        x = x[rows]
        if self.x.dtype == torch.uint8 and not packable(x):
            self.x = self.images(torch.arange(len(self), device=self.x.device)).half()
        self._extend(max(len(self), int(places.max()) + 1))
        self.x[places] = self.packing.pack(x) if self.x.dtype == torch.uint8 else x.half()
        self.y[places] = y[rows].to(self.y.dtype)
        self.owner[places] = owner
        self.logits[places] = 0.0
        for name, (_, unknown) in self.noted.items():
            getattr(self, name)[places] = unknown

    def _extend(self, size: int) -> None:
        """Lengthen every field to exactly so many samples: bytes counted are bytes allocated."""
        for name in self.fields:
            tensor = getattr(self, name)
            setattr(self, name, torch.cat([tensor, tensor.new_zeros(size - len(tensor), *tensor.shape[1:])]))

    def keep_logits(self, places: Tensor, logits: Tensor) -> None:
        """Store the shared expert's answer to samples.

        Args:
            places: (K,) places in memory.
            logits: (K, classes).
        """
        self.logits[places] = logits.detach().to(self.logits.dtype)

    def keep_frame(self, places: Tensor, frame: Tensor) -> None:
        """Store the frame that samples were learned through.

        Args:
            places: (K,) places in memory.
            frame: (2, 3).
        """
        self.frame[places] = frame.to(self.frame)

    def images(self, places: Tensor) -> Tensor:
        """Images (K, C, H, W) float32 at some places."""
        x = self.x.index_select(0, places)  # whole rows: many times faster than indexing
        return self.packing.unpack(x) if x.dtype == torch.uint8 else x.float()

    def draw(self, size: int, among: Tensor | None = None) -> Tensor:
        """Places to replay, with replacement, by the priority.

        Args:
            size: how many.
            among: (K,) the places to choose from; None takes all.

        Returns:
            (size,) places; empty where there is none to choose from.
        """
        count = len(self) if among is None else len(among)
        if not count:
            return torch.empty(0, dtype=torch.int64, device=self.y.device)
        if self.priority == "uniform" or not size:
            rows = torch.randint(0, count, (size,), device=self.y.device)
        else:
            weights = self._weights() if among is None else self._weights()[among]
            rows = torch.multinomial(priorities.bounded(weights), size, replacement=True)
        return rows if among is None else among[rows]

    @torch.no_grad()
    def note(self, places: Tensor, loss: Tensor, uncertainty: Tensor, step: int) -> None:
        """Refresh what the priority knows of replayed samples.

        Args:
            places: (K,) places in memory.
            loss: (K,) float, the cross-entropy of each.
            uncertainty: (K,) float, the entropy of each answer in nats.
            step: number of the training step.
        """
        self.step = step
        fresh = {"loss": loss, "uncertainty": uncertainty, "last": torch.full_like(places, step)}
        for name, (dtype, _) in self.noted.items():
            getattr(self, name)[places] = fresh[name].to(dtype)

    def _weights(self) -> Tensor:
        """(N,) float32 weight of each sample, before the bounds."""
        weights = []
        if "loss" in self.noted:
            weights.append(priorities.loss_weight(self.get_buffer("loss")))
        if "uncertainty" in self.noted:
            weights.append(priorities.uncertainty_weight(self.get_buffer("uncertainty"), self.classes))
        if "last" in self.noted:
            weights.append(priorities.age_weight(self.get_buffer("last"), self.step))
        if self.priority in ("specialisation", "mixed"):
            weights.append(self._specialised())
        return priorities.mix(weights) if self.priority == "mixed" else weights[0]

    def _specialised(self) -> Tensor:
        """(N,) weights from owners and labels, computed anew where either changed."""
        kept, owner, y = self._specialisation, self.owner, self.y
        if kept and kept[0] is owner and kept[1] == owner._version and kept[2] is y and kept[3] == y._version:
            return kept[4]
        weight = priorities.specialisation_weight(owner, y, self.classes)
        self._specialisation = owner, owner._version, y, y._version, weight
        return weight

    def shrink(self, capacity: int) -> None:
        """Lower the capacity; what is left is still such a sample.

        Args:
            capacity: most samples from now on; a higher one than now changes nothing.
        """
        if capacity >= self.capacity:
            return
        self.capacity = capacity
        kept = torch.arange(len(self), device=self.y.device)
        if len(self) > capacity and len(self.limit):
            kept = self._within_shares(self.key, self.y.long()).nonzero().squeeze(1)
        elif len(self) > capacity:
            # Places are in order of arrival until the store is full: the first ones would be the oldest.
            kept = torch.randperm(len(self), device=self.y.device)[:capacity].sort().values
        for name in self.fields:
            setattr(self, name, getattr(self, name)[kept])

    def reassign(self, old: int, new: int) -> None:
        """Give an expert's samples to another.

        Args:
            old: number of the expert that gives them up.
            new: number of the expert that gets them.
        """
        self.owner[self.owner == old] = new

    def export(self) -> dict[str, Any]:
        """The state as tensors and numbers by name."""
        tensors = {name: getattr(self, name) for name in self.fields}
        return {**tensors, "capacity": self.capacity, "seen": self.seen, "step": self.step, "limit": self.limit}

    def load(self, state: dict[str, Any]) -> None:
        """Take over an exported state.

        Args:
            state: what :meth:`export` returned.
        """
        for name in (*self.fields, "limit"):
            setattr(self, name, state[name].to(self.y.device).clone())
        self.capacity, self.seen, self.step = int(state["capacity"]), int(state["seen"]), int(state["step"])
