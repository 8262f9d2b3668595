"""A uniform sample of a stream, kept in preallocated tensors."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from morph_cl_plugins.baselines.image_bytes import fit_bytes, to_bytes, to_floats


class DarkBatch(NamedTuple):
    """Stored samples.

    Args:
        images: (B, C, H, W) float32.
        labels: (B,) int64.
        logits: (B, classes) float32, what the network said when the sample came by.
        tasks: (B,) int64.
    """

    images: Tensor
    labels: Tensor
    logits: Tensor
    tasks: Tensor


def reservoir_slots(seen: int, count: int, capacity: int) -> Tensor:
    """Where reservoir sampling puts the next samples of a stream.

    Sample number n (from 0) goes to slot n while there is room; later ones draw a slot in 0..n and are dropped where
    it lies beyond the capacity. All draws are made at once and equal those made one by one.

    Args:
        seen: samples that came before.
        count: samples that come now.
        capacity: slots in all.

    Returns:
        (count,) int64 slots, -1 for samples that are dropped.

    Source: Vitter, Random Sampling with a Reservoir, 1985 (algorithm R).
    """
    number = torch.arange(seen, seen + count)
    drawn = (torch.rand(count, dtype=torch.float64) * (number + 1)).long()
    slots = torch.where(number < capacity, number, drawn)
    return torch.where(slots < capacity, slots, -1)


class DarkMemory:
    """Images, labels, logits and task labels of a uniform sample of the stream so far.

    Class and task labels are stored as int16.

    Args:
        capacity: samples at the most.
        input_shape: (C, H, W).
        classes: number of logits.
        images: ``uint8`` stores images in [0, 1] in steps of 1/255, and all as ``float32`` from the first one on that
            lies beyond; ``float32`` stores them as they are.
        logits: ``float32`` or ``float16``.
    """

    def __init__(
        self,
        capacity: int,
        input_shape: tuple[int, int, int],
        classes: int,
        images: str,
        logits: str = "float32",
    ) -> None:
        self.capacity = capacity
        self.seen = 0
        self.memory_images = torch.zeros((capacity, *input_shape), dtype=getattr(torch, images))
        self.memory_labels = torch.zeros(capacity, dtype=torch.int16)
        self.memory_logits = torch.zeros((capacity, classes), dtype=getattr(torch, logits))
        self.memory_tasks = torch.zeros(capacity, dtype=torch.int16)

    def __len__(self) -> int:
        return min(self.seen, self.capacity)

    def insert(self, batch: DarkBatch) -> None:
        """Offer the next samples of the stream, as if one by one.

        Args:
            batch: the samples in the order of the stream.
        """
        slots = reservoir_slots(self.seen, len(batch.labels), self.capacity)
        self.seen += len(slots)
        rows = (slots >= 0).nonzero().squeeze(1)
        # Of two samples for one slot the later stays.
        last = dict(zip(slots[rows].tolist(), rows.tolist(), strict=True))
        if not last:
            return
        device = self.memory_labels.device
        slot, row = torch.tensor(list(last)), torch.tensor(list(last.values()))
        images, labels, logits, tasks = (column.detach().to(device)[row] for column in batch)
        if self.memory_images.dtype == torch.uint8 and not fit_bytes(images):
            self.memory_images = to_floats(self.memory_images)
        self.memory_images[slot] = to_bytes(images) if self.memory_images.dtype == torch.uint8 else images
        self.memory_labels[slot] = labels.to(torch.int16)
        self.memory_logits[slot] = logits.to(self.memory_logits.dtype)
        self.memory_tasks[slot] = tasks.to(torch.int16)

    def sample(self, size: int) -> DarkBatch:
        """Draw stored samples without replacement.

        Args:
            size: how many; all where fewer are stored.

        Returns:
            The samples.
        """
        index = torch.randperm(len(self))[:size]
        images = to_floats(self.memory_images[index])
        labels, tasks = self.memory_labels[index].long(), self.memory_tasks[index].long()
        return DarkBatch(images, labels, self.memory_logits[index].float(), tasks)
