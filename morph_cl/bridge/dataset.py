"""An Avalanche data set over whole tensors, which any Avalanche strategy, plugin or buffer can consume.

Avalanche fetches sample by sample through a tree of subsets and concatenations. Here the leaves are whole tensors,
so the same tree can be flattened once into indices and whole batches taken by one indexing operation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from avalanche.benchmarks.utils import TaskAwareSupervisedClassificationDataset
from avalanche.benchmarks.utils.data_attribute import DataAttribute
from avalanche.benchmarks.utils.flat_data import ConstantSequence
from torch import Tensor
from torch.utils.data import Dataset

_JOINED_BYTES = 64_000_000


def as_float(x: Tensor) -> Tensor:
    """Images as learners see them: uint8 becomes float32 in [0, 1], float32 stays."""
    return x.float().div_(255.0) if x.dtype == torch.uint8 else x


@dataclass(frozen=True)
class Origin:
    """Which experience of which stream a leaf is, so that a checkpoint can name its samples by index."""

    stream: str
    experience: int


class TensorLeaf(Dataset[tuple[Tensor, int]]):
    """Images and labels of one experience, whole.

    Args:
        x: (N, C, H, W), uint8 or float32.
        y: (N,) int64.
        task: the task label of every sample; 0 wherever task labels are not part of the setting.
        origin: where the leaf stands in its benchmark; None for loose data.
    """

    def __init__(self, x: Tensor, y: Tensor, task: int = 0, origin: Origin | None = None) -> None:
        self.x = x
        self.y = y
        self.task = task
        self.origin = origin

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return as_float(self.x[index]), int(self.y[index])

    @property
    def sample_bytes(self) -> int:
        """What storing one sample takes: its image as it is held, and its label."""
        return self.x[0].numel() * self.x.element_size() + self.y.element_size()


@dataclass(frozen=True)
class TensorView:
    """A data set flattened to leaves and indices.

    Args:
        leaves: the tensors that the samples come from.
        leaf_index: (N,) the leaf of each sample.
        row: (N,) its row in that leaf.
    """

    leaves: tuple[TensorLeaf, ...]
    leaf_index: Tensor
    row: Tensor

    def __len__(self) -> int:
        return len(self.row)

    def batch(self, index: Tensor) -> list[Tensor]:
        """Gather samples.

        Args:
            index: (B,) positions in the data set.

        Returns:
            Images (B, C, H, W) float32, labels (B,) int64 and task labels (B,) int64.
        """
        # index_select copies whole images; indexing copies pixel by pixel and takes five to fifteen times as long.
        if len(self.leaves) == 1:
            leaf, rows = self.leaves[0], self.row[index]
            return [as_float(leaf.x.index_select(0, rows)), leaf.y[rows], torch.full((len(rows),), leaf.task)]
        which, rows = self.leaf_index[index], self.row[index]
        first = self.leaves[0]
        x = torch.empty((len(index), *first.x.shape[1:]), dtype=first.x.dtype)
        y = torch.empty(len(index), dtype=torch.int64)
        task = torch.empty(len(index), dtype=torch.int64)
        for number in torch.bincount(which).nonzero().squeeze(1).tolist():
            here = (which == number).nonzero().squeeze(1)
            leaf = self.leaves[number]
            x[here], y[here], task[here] = leaf.x.index_select(0, rows[here]), leaf.y[rows[here]], leaf.task
        return [as_float(x), y, task]

    def span(self, start: int, stop: int) -> list[Tensor]:
        """Samples that follow each other; a slice, which is cheaper than gathering, where they do so in a leaf too.

        Args:
            start: position of the first.
            stop: position after the last, beyond ``start``.

        Returns:
            As :meth:`batch`: copies, whatever is done to them later.
        """
        which, rows = self.leaf_index[start:stop], self.row[start:stop]
        first = int(rows[0])
        in_a_row = torch.equal(rows, torch.arange(first, first + len(rows))) and bool((which == which[0]).all())
        if not in_a_row:
            return self.batch(torch.arange(start, stop))
        leaf = self.leaves[int(which[0])]
        x, y = leaf.x[first : first + len(rows)], leaf.y[first : first + len(rows)]
        x = as_float(x) if x.dtype == torch.uint8 else x.clone()
        return [x, y.clone(), torch.full((len(rows),), leaf.task)]

    def joined(self) -> TensorView:
        """The same samples in one leaf, where that is a small copy; else the view itself.

        A memory of many experiences is a few samples of each of many leaves: gathered leaf by leaf, every batch would
        cost more with every experience.
        """
        first = self.leaves[0]
        alike = all(
            type(leaf) is TensorLeaf and leaf.task == first.task and leaf.x.dtype == first.x.dtype
            for leaf in self.leaves
        )
        if len(self.leaves) == 1 or not alike or len(self) * first.sample_bytes > _JOINED_BYTES:
            return self
        order = self.leaf_index.argsort(stable=True)
        counts = torch.bincount(self.leaf_index, minlength=len(self.leaves)).tolist()
        parts = list(zip(self.leaves, torch.split(self.row[order], counts), strict=True))
        x = torch.cat([leaf.x.index_select(0, rows) for leaf, rows in parts])
        y = torch.cat([leaf.y[rows] for leaf, rows in parts])
        place = torch.empty_like(self.row)
        place[order] = torch.arange(len(self))
        return TensorView((TensorLeaf(x, y, first.task),), torch.zeros_like(self.leaf_index), place)


def chained(views: Sequence[TensorView]) -> TensorView:
    """Several data sets, one after the other.

    Args:
        views: at least one.

    Returns:
        All their samples in order; leaves are not copied.
    """
    leaves: list[TensorLeaf] = []
    which = []
    for view in views:
        which.append(view.leaf_index + len(leaves))
        leaves += view.leaves
    return TensorView(tuple(leaves), torch.cat(which), torch.cat([view.row for view in views]))


def view_of(dataset: Any) -> TensorView | None:
    """Flatten an Avalanche data set whose leaves are whole tensors; of a :class:`TensorClassificationDataset` once.

    Args:
        dataset: any Avalanche data set, subset or concatenation.

    Returns:
        The flat view, or None where a leaf is something else (then only the slow path works).
    """
    cached: TensorView | None = getattr(dataset, "_view", None)
    if cached is not None and len(cached) == len(dataset):
        return cached
    found = _flatten(dataset._flat_data)
    if found is None:
        return None
    leaves, leaf_index, row = found
    view = TensorView(tuple(leaves), leaf_index, row)
    if isinstance(dataset, TensorClassificationDataset):
        dataset._view = view
    return view


def _flatten(data: Any) -> tuple[list[TensorLeaf], Tensor, Tensor] | None:
    """The leaves below ``data`` and, for each of its samples, the leaf and the row."""
    if isinstance(data, TensorLeaf):
        return [data], torch.zeros(len(data), dtype=torch.int64), torch.arange(len(data))
    if not hasattr(data, "_datasets"):
        return None
    if data._indices is None and len(data._datasets) == 1:
        return _flatten(data._datasets[0])
    leaves: list[TensorLeaf] = []
    number: dict[int, int] = {}
    which, rows = [torch.empty(0, dtype=torch.int64)], [torch.empty(0, dtype=torch.int64)]
    for child in data._datasets:
        found = _flatten(child)
        if found is None:
            return None
        for leaf in found[0]:
            if id(leaf) not in number:
                number[id(leaf)] = len(leaves)
                leaves.append(leaf)
        renumber = torch.tensor([number[id(leaf)] for leaf in found[0]], dtype=torch.int64)
        which.append(renumber[found[1]] if len(found[1]) else found[1])
        rows.append(found[2])
    leaf_index, row = torch.cat(which), torch.cat(rows)
    if data._indices is not None:
        index = torch.as_tensor([int(i) for i in data._indices], dtype=torch.int64)
        leaf_index, row = leaf_index[index], row[index]
    return leaves, leaf_index, row


class TensorClassificationDataset(TaskAwareSupervisedClassificationDataset):
    """An Avalanche classification data set whose leaves are whole tensors.

    It behaves as Avalanche's own: subsets, concatenations, per-sample access and any ``DataLoader`` work. On top of
    that, :meth:`view` flattens it, and ``__getitems__`` serves a plain ``DataLoader`` whole batches.
    """

    _view: TensorView | None = None

    def view(self) -> TensorView:
        """The flat view of this data set, computed once."""
        found = view_of(self)
        if found is None:
            raise TypeError("a leaf of this data set is no TensorLeaf")
        return found

    def _shallow_clone_dataset(self) -> Any:
        clone = super()._shallow_clone_dataset()
        clone._view = None
        return clone

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[Tensor, int, int]]:
        """A batch as a list of samples: what ``DataLoader`` asks for before it collates."""
        x, y, task = self.view().batch(torch.as_tensor(indices, dtype=torch.int64))
        return list(zip(x.unbind(0), y.tolist(), task.tolist(), strict=True))


def tensor_dataset(leaf: TensorLeaf) -> TensorClassificationDataset:
    """Wrap a leaf for Avalanche.

    Args:
        leaf: images and labels of one experience.

    Returns:
        The data set, with class and task labels as Avalanche's data attributes.
    """
    labels = leaf.y.tolist()
    targets = DataAttribute(labels, "targets")
    # Avalanche would find the classes by a Python loop over all samples, for every experience of every stream.
    targets._uniques = set(labels)
    return TensorClassificationDataset(
        [leaf],
        data_attributes=[
            targets,
            DataAttribute(ConstantSequence(leaf.task, len(leaf)), "targets_task_labels", use_in_getitem=True),
        ],
    )
