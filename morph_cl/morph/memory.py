"""Memory: a uniform sample of everything met, as bytes where the images allow it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class ReplayMemory(nn.Module):
    """A reservoir: each sample met so far has the same chance to be in it.

    Images in [0, 1] are stored as 256 levels, others in half precision, logits in half precision.

    Args:
        capacity: most samples.
        input_shape: (C, H, W).
        classes: number of classes.
        logits: whether logits are kept for distillation.

    Source: Vitter, "Random sampling with a reservoir", ACM TOMS 1985; logits as in Buzzega et al., "Dark Experience
    for General Continual Learning", NeurIPS 2020.
    """

    x: Tensor
    y: Tensor
    owner: Tensor
    logits: Tensor

    def __init__(self, capacity: int, input_shape: tuple[int, int, int], classes: int, *, logits: bool) -> None:
        super().__init__()
        self.capacity = capacity
        self.seen = 0
        self.input_shape = input_shape
        self.width = classes if logits else 0
        self.register_buffer("x", torch.zeros(0, *input_shape, dtype=torch.uint8), persistent=False)
        self.register_buffer("y", torch.zeros(0, dtype=torch.int16), persistent=False)
        self.register_buffer("owner", torch.zeros(0, dtype=torch.int16), persistent=False)
        self.register_buffer("logits", torch.zeros(0, self.width, dtype=torch.float16), persistent=False)

    def __len__(self) -> int:
        return len(self.y)

    @property
    def sample_bytes(self) -> int:
        """Bytes of one stored sample."""
        pixels = self.x[:1].numel() if len(self.x) else int(torch.tensor(self.input_shape).prod())
        return pixels * self.x.element_size() + 2 * self.y.element_size() + self.width * self.logits.element_size()

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
        rows = order[chosen[places]]
        self._reserve(int(places.max()) + 1 if len(places) else 0, x[rows])
        self.x[places] = self._packed(x[rows])
        self.y[places] = y[rows].to(torch.int16)
        self.owner[places] = owner
        self.logits[places] = 0.0
        return places

    def keep_logits(self, places: Tensor, logits: Tensor) -> None:
        """Store the shared expert's answer to samples.

        Args:
            places: (K,) places in memory.
            logits: (K, classes).
        """
        self.logits[places] = logits.detach().to(self.logits.dtype)

    def _reserve(self, size: int, x: Tensor) -> None:
        grow = size - len(self)
        if not len(self) and len(x) and (float(x.min()) < 0.0 or float(x.max()) > 1.0):
            self.x = self.x.to(torch.float16)
        if grow > 0:
            self.x = torch.cat([self.x, self.x.new_zeros(grow, *self.input_shape)])
            self.y = torch.cat([self.y, self.y.new_zeros(grow)])
            self.owner = torch.cat([self.owner, self.owner.new_zeros(grow)])
            self.logits = torch.cat([self.logits, self.logits.new_zeros(grow, self.width)])

    def _packed(self, x: Tensor) -> Tensor:
        return (x * 255.0).round().clamp(0, 255).to(torch.uint8) if self.x.dtype == torch.uint8 else x.to(torch.float16)

    def images(self, places: Tensor) -> Tensor:
        """Images (K, C, H, W) float32 at some places."""
        x = self.x[places].float()
        return x / 255.0 if self.x.dtype == torch.uint8 else x

    def draw(self, size: int) -> Tensor:
        """Places to replay, with replacement.

        Args:
            size: how many.

        Returns:
            (size,) places; empty where memory is.
        """
        if not len(self):
            return torch.empty(0, dtype=torch.int64, device=self.y.device)
        return torch.randint(0, len(self), (size,), device=self.y.device)

    def shrink(self, capacity: int) -> None:
        """Lower the capacity; what is left is still a uniform sample.

        Args:
            capacity: most samples from now on; a higher one than now changes nothing.
        """
        if capacity < self.capacity:
            self.capacity = capacity
            self.x, self.y = self.x[:capacity].clone(), self.y[:capacity].clone()
            self.owner, self.logits = self.owner[:capacity].clone(), self.logits[:capacity].clone()

    def reassign(self, old: int, new: int) -> None:
        """Give an expert's samples to another.

        Args:
            old: number of the expert that gives them up.
            new: number of the expert that gets them.
        """
        self.owner[self.owner == old] = new

    def export(self) -> dict[str, Any]:
        """The state as tensors and numbers by name."""
        tensors = {name: getattr(self, name) for name in ("x", "y", "owner", "logits")}
        return {**tensors, "capacity": self.capacity, "seen": self.seen}

    def load(self, state: dict[str, Any]) -> None:
        """Take over an exported state.

        Args:
            state: what :meth:`export` returned.
        """
        for name in ("x", "y", "owner", "logits"):
            setattr(self, name, state[name].to(self.y.device).clone())
        self.capacity, self.seen = int(state["capacity"]), int(state["seen"])
