"""Batches out of an exemplar buffer, for the length of one experience."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from avalanche.benchmarks.utils.utils import concat_datasets
from torch import Tensor
from torch.utils.data import DataLoader


class MemoryBatches:
    """Stored samples as three whole tensors.

    A strategy makes one when an experience begins and drops it when the experience ends, so that nothing but the
    buffer itself is part of its state.

    Args:
        datasets: Avalanche data sets, at least one of them not empty.
        device: where batches shall lie.
    """

    def __init__(self, datasets: Sequence[Any], device: Any) -> None:
        self.sizes = [len(dataset) for dataset in datasets if len(dataset)]
        whole = concat_datasets([dataset for dataset in datasets if len(dataset)])
        (columns,) = DataLoader(whole, batch_size=len(whole), collate_fn=whole.collate_fn)
        self.columns = [column.to(device) for column in (columns[0], columns[1], columns[-1])]

    def __len__(self) -> int:
        return len(self.columns[1])

    def take(self, index: Tensor) -> list[Tensor]:
        """Gather samples.

        Args:
            index: (B,) positions.

        Returns:
            Images (B, C, H, W), labels (B,) and task labels (B,).
        """
        return [column[index.to(column.device)] for column in self.columns]

    def balanced(self, size: int) -> list[Tensor]:
        """As many random samples of each data set, at least one of each.

        Args:
            size: samples in all, of which each data set gets an equal, rounded-down share.

        Returns:
            Images, labels and task labels.
        """
        share = max(1, size // len(self.sizes))
        index, offset = [], 0
        for count in self.sizes:
            index.append(torch.randperm(count)[:share] + offset)
            offset += count
        return self.take(torch.cat(index))

    def endless(self, size: int) -> Iterator[list[Tensor]]:
        """Batches of shuffled epochs, one after the other, without end.

        Args:
            size: samples a batch; an epoch's rest that is smaller is left out, unless it is the whole memory.

        Yields:
            Images, labels and task labels.
        """
        size = min(size, len(self))
        while True:
            order = torch.randperm(len(self))
            for start in range(0, len(self) - size + 1, size):
                yield self.take(order[start : start + size])
