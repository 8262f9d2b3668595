"""The latest samples of the expert in training, oldest overwritten first."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from morph_cl.morph.memory.packing import packable


class Recent(nn.Module):
    """A ring of samples: bytes where the images lie in [0, 1], else half precision.

    Args:
        capacity: most samples.
        input_shape: (C, H, W).
    """

    x: Tensor
    y: Tensor

    def __init__(self, capacity: int, input_shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.capacity = capacity
        self.count = 0
        self.register_buffer("x", torch.zeros(capacity, *input_shape, dtype=torch.uint8), persistent=False)
        self.register_buffer("y", torch.zeros(capacity, dtype=torch.int16), persistent=False)

    def __len__(self) -> int:
        return min(self.count, self.capacity)

    def clear(self) -> None:
        """Forget every sample."""
        self.count = 0

    @torch.no_grad()
    def add(self, x: Tensor, y: Tensor) -> None:
        """Take in samples.

        Args:
            x: (B, C, H, W) float images.
            y: (B,) int64 classes.
        """
        x, y = x[-self.capacity :], y[-self.capacity :]
        if self.x.dtype == torch.uint8 and not packable(x):
            self.x = self.x.half() / 255
        places = (self.count + torch.arange(len(y), device=y.device)) % self.capacity
        self.x[places] = (x * 255).round().to(torch.uint8) if self.x.dtype == torch.uint8 else x.half()
        self.y[places] = y.to(self.y.dtype)
        self.count += len(y)

    def draw(self, size: int, latest: int | None = None) -> tuple[Tensor, Tensor]:
        """Samples with replacement.

        Args:
            size: how many.
            latest: of how many latest samples; None draws of all.

        Returns:
            Images (size, C, H, W) float32 and classes (size,) int64.
        """
        among = len(self) if latest is None else min(latest, len(self))
        back = torch.randint(1, among + 1, (size,), device=self.y.device)
        places = (self.count - back) % self.capacity
        x = self.x[places]
        return (x.float() / 255 if x.dtype == torch.uint8 else x.float()), self.y[places].long()

    def all(self) -> tuple[Tensor, Tensor]:
        """Every sample: images (N, C, H, W) float32 and classes (N,) int64."""
        x = self.x[: len(self)]
        return (x.float() / 255 if x.dtype == torch.uint8 else x.float()), self.y[: len(self)].long()

    def export(self) -> dict[str, Any]:
        """The state as tensors and numbers by name."""
        return {"x": self.x, "y": self.y, "count": self.count}

    def load(self, state: dict[str, Any]) -> None:
        """Take over an exported state.

        Args:
            state: what :meth:`export` returned.
        """
        self.x, self.y = state["x"].to(self.y.device).clone(), state["y"].to(self.y.device).clone()
        self.count = int(state["count"])
