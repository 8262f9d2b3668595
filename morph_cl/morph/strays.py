"""Strays: single samples that no expert answers, the first of a context that comes in little by little."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from morph_cl.morph.memory.packing import packable

_LOSS = 1.4  # nats: a right class that every expert gives a quarter of the probability at most
_REMEMBERED = 400  # samples after which a stray is forgotten
_A_BATCH = 3  # strays of one batch that count: more of them are an outlier, or a context that comes at once
_ENOUGH = 20  # strays that are looked at together: twice what an expert that errs in one of forty samples leaves


class Strays:
    """The latest strays, oldest first, in main memory whatever the model is on."""

    def __init__(self) -> None:
        self.kept: list[tuple[int, Tensor, Tensor]] = []
        self.seen = 0

    def clear(self) -> None:
        """Forget them all."""
        self.kept = []

    def hear(self, losses: Tensor, x: Tensor, y: Tensor) -> bool:
        """Take in a batch.

        Args:
            losses: (B,) of the expert that answers each sample best, in nats.
            x: (B, C, H, W).
            y: (B,) int64 classes.

        Returns:
            Whether there is a new stray, and enough of them to be looked at.
        """
        self.seen += len(y)
        rows = (losses > _LOSS).nonzero().squeeze(1)[:_A_BATCH].tolist()
        self.kept = [stray for stray in self.kept if stray[0] > self.seen - _REMEMBERED]
        images = (x * 255).round().to(torch.uint8) if packable(x) else x
        self.kept += [(self.seen, images[row].cpu(), y[row].cpu()) for row in rows]
        return bool(rows) and len(self.kept) >= _ENOUGH

    def halves(self) -> list[tuple[Tensor, Tensor]]:
        """The strays dealt into two heaps in turn: images (N, C, H, W) and classes (N,) of each."""
        heaps = self.kept[::2], self.kept[1::2]
        return [(_floats([x for _, x, _ in heap]), torch.stack([y for _, _, y in heap])) for heap in heaps]

    def export(self) -> dict[str, Any]:
        """The strays and the samples seen."""
        return {"seen": self.seen, "kept": [[seen, x, y] for seen, x, y in self.kept]}

    def load(self, state: dict[str, Any]) -> None:
        """Take over what :meth:`export` returned.

        Args:
            state: strays and samples seen.
        """
        self.seen = int(state["seen"])
        self.kept = [(int(seen), x, y) for seen, x, y in state["kept"]]


def _floats(images: list[Tensor]) -> Tensor:
    """Images (N, C, H, W) float32, of which some may be kept as bytes."""
    return torch.stack([image.float() / 255 if image.dtype == torch.uint8 else image for image in images])
