"""Loaders that yield slices of whole tensors instead of collating samples.

An epoch is one permutation and one indexing operation a batch. The order of batches and the random draws are those of
torch's global generator, so a run repeats bit for bit from its seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from avalanche.benchmarks.utils.data_loader import MultiDatasetDataLoader
from torch import Tensor

from morph_cl.bridge.dataset import TensorView, view_of


class TensorLoader:
    """Batches of one data set.

    Args:
        view: the flattened data set.
        batch_size: samples a batch; the last batch of an epoch may be smaller.
        shuffle: whether each epoch takes a new order.
        drop_last: whether a smaller last batch is left out.
        pin: whether batches lie in pinned memory.
    """

    def __init__(
        self, view: TensorView, batch_size: int, *, shuffle: bool, drop_last: bool = False, pin: bool = False
    ) -> None:
        self.view = view
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.pin = pin

    def __len__(self) -> int:
        full, rest = divmod(len(self.view), self.batch_size)
        return full + (1 if rest and not self.drop_last else 0)

    def indices(self) -> Iterator[Tensor]:
        """One epoch of index batches, each (B,)."""
        size = len(self.view)
        order = torch.randperm(size) if self.shuffle else torch.arange(size)
        for number in range(len(self)):
            yield order[number * self.batch_size : (number + 1) * self.batch_size]

    def __iter__(self) -> Iterator[list[Tensor]]:
        if self.shuffle:
            for index in self.indices():
                yield _placed(self.view.batch(index), self.pin)
            return
        for number in range(len(self)):
            start = number * self.batch_size
            yield _placed(self.view.span(start, min(start + self.batch_size, len(self.view))), self.pin)


class JointTensorLoader:
    """Batches joined from several data sets, as Avalanche's ``MultiDatasetDataLoader`` makes them.

    Args:
        parts: one loader a data set.
        leading: index of the part whose epoch ends the epoch.
        cycle: whether a shorter part starts again when it is used up; else it drops out.
        pin: whether batches lie in pinned memory.
    """

    def __init__(self, parts: Sequence[TensorLoader], leading: int, *, cycle: bool, pin: bool = False) -> None:
        self.parts = list(parts)
        self.leading = leading
        self.cycle = cycle
        self.pin = pin

    def __len__(self) -> int:
        return len(self.parts[self.leading])

    def __iter__(self) -> Iterator[list[Tensor]]:
        sources: list[Iterator[Tensor] | None] = [part.indices() if len(part) else None for part in self.parts]
        for _ in range(len(self)):
            batches = []
            for number, part in enumerate(self.parts):
                index = self._next(sources, number)
                if index is not None:
                    batches.append(part.view.batch(index))
            yield _placed([torch.cat(columns) for columns in zip(*batches, strict=True)], self.pin)

    def _next(self, sources: list[Iterator[Tensor] | None], number: int) -> Tensor | None:
        source = sources[number]
        if source is None:
            return None
        index = next(source, None)
        if index is None and self.cycle:
            sources[number] = source = self.parts[number].indices()
            index = next(source, None)
        elif index is None:
            sources[number] = None
        return index


def _placed(batch: list[Tensor], pin: bool) -> list[Tensor]:
    """A batch in pinned memory where that is asked for: Avalanche's copies to the device do not wait then."""
    return [column.pin_memory() for column in batch] if pin else batch


def tensor_loader_like(loader: Any, *, pin: bool = False) -> TensorLoader | JointTensorLoader | None:
    """The tensor loader that yields what one of Avalanche's own multi-data-set loaders would.

    Args:
        loader: what a strategy or a plugin of its (replay, for one) has set as data loader.
        pin: whether batches shall lie in pinned memory.

    Returns:
        The faster loader, or None where ``loader`` is of another kind or holds data that is not whole tensors.
    """
    if not isinstance(loader, MultiDatasetDataLoader) or loader.never_ending or loader.distributed_sampling:
        return None
    views = [view_of(dataset) for dataset in loader.datasets]
    if any(view is None for view in views):
        return None
    shuffle = bool(loader.loader_kwargs.get("shuffle", False))
    drop_last = bool(loader.loader_kwargs.get("drop_last", False))
    parts = [
        TensorLoader(view.joined(), size, shuffle=shuffle, drop_last=drop_last)
        for view, size in zip(views, loader.batch_sizes, strict=True)
        if view is not None
    ]
    if len(parts) == 1:
        parts[0].pin = pin
        return parts[0]
    return JointTensorLoader(parts, loader.termination_dataset, cycle=loader.oversample_small_datasets, pin=pin)
