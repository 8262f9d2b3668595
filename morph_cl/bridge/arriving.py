"""Data that cannot be read before it has come: how a test-then-train stream is kept honest.

A learner gets the next samples as an ordinary Avalanche experience, so that every plugin works. Until a sample
has been predicted, whoever reads it meets an error.
"""

from __future__ import annotations

from typing import Any

import torch
from avalanche.benchmarks.scenarios.dataset_scenario import DatasetExperience
from avalanche.benchmarks.utils.data_attribute import DataAttribute
from avalanche.benchmarks.utils.flat_data import ConstantSequence
from torch import Tensor

from morph_cl.bridge.dataset import Origin, TensorClassificationDataset, TensorLeaf, TensorView
from morph_cl.bridge.online import OnlineStream
from morph_cl.errors import UsageError


class Gate:
    """How much of a stream has come.

    Args:
        samples: samples of the whole stream.

    Attributes:
        released: samples that may be read.
    """

    def __init__(self, samples: int) -> None:
        self.samples = samples
        self.released = 0

    def check(self, last: int) -> None:
        """Refuse to look ahead.

        Args:
            last: the latest sample that is asked for.

        Raises:
            UsageError: it has not come yet.
        """
        if last >= self.released:
            raise UsageError(
                f"the strategy reads sample {last} of a test-then-train stream before it has come; choose a strategy "
                "(or, for morph, boundaries=free) that learns from each batch alone."
            )


class Arriving:
    """A tensor whose rows come one after the other.

    Args:
        values: (N, ...), all rows.
        gate: how many have come.
    """

    def __init__(self, values: Tensor, gate: Gate) -> None:
        self.values = values
        self.gate = gate

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: Tensor | slice | int) -> Tensor:
        if isinstance(rows, int):
            self.gate.check(rows)
        elif isinstance(rows, slice):
            reached = range(len(self))[rows]
            if len(reached):
                self.gate.check(max(reached[0], reached[-1]))
        elif len(rows):
            self.gate.check(int(rows.max()))
        return self.values[rows]

    def index_select(self, axis: int, rows: Tensor) -> Tensor:
        """Some rows, each copied whole.

        Args:
            axis: 0.
            rows: (B,) int64.

        Returns:
            (B, ...).
        """
        if len(rows):
            self.gate.check(int(rows.max()))
        return self.values.index_select(axis, rows)

    @property
    def shape(self) -> torch.Size:
        """(N, ...), which everybody may know."""
        return self.values.shape

    @property
    def dtype(self) -> torch.dtype:
        """Type of the values."""
        return self.values.dtype

    def element_size(self) -> int:
        """Bytes of a value."""
        return self.values.element_size()


class ArrivingLabels:
    """The labels as Avalanche's data attributes read them.

    Args:
        labels: the labels.
    """

    def __init__(self, labels: Arriving) -> None:
        self.labels = labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, row: int) -> int:
        return int(self.labels[int(row)])


class ArrivingLeaf(TensorLeaf):
    """A leaf whose samples come one after the other.

    Args:
        stream: all samples.
        gate: how many of them have come.
    """

    def __init__(self, stream: OnlineStream, gate: Gate) -> None:
        x: Any = Arriving(stream.x, gate)
        y: Any = Arriving(stream.y, gate)
        super().__init__(x, y, 0, Origin("train", 0))
        self.gate = gate


class ArrivingExperiences:
    """A stream as experiences of a fixed number of samples, which know nothing of its drifts.

    Args:
        stream: all samples.
        size: samples an experience.
    """

    def __init__(self, stream: OnlineStream, size: int) -> None:
        self.gate = Gate(len(stream))
        self.samples = len(stream)
        self.size = size
        leaf = ArrivingLeaf(stream, self.gate)
        labels: Any = ArrivingLabels(leaf.y)  # type: ignore[arg-type]
        self._dataset = TensorClassificationDataset(
            [leaf],
            data_attributes=[
                DataAttribute(labels, "targets"),
                DataAttribute(ConstantSequence(0, len(leaf)), "targets_task_labels", use_in_getitem=True),
            ],
        )

    def __len__(self) -> int:
        return -(-self.samples // self.size)

    def bounds(self, number: int) -> tuple[int, int]:
        """First sample of an experience, and the one after its last.

        Args:
            number: its index.
        """
        return number * self.size, min((number + 1) * self.size, self.samples)

    def experience(self, number: int) -> DatasetExperience:
        """One experience for Avalanche.

        Args:
            number: its index.
        """
        rows = range(*self.bounds(number))
        return DatasetExperience(dataset=self._dataset.subset(list(rows)), current_experience=number)


def still_to_come(view: TensorView) -> bool:
    """Whether a data set holds samples that have not come yet.

    Args:
        view: the data set, flattened.
    """
    gates = [(number, leaf.gate) for number, leaf in enumerate(view.leaves) if isinstance(leaf, ArrivingLeaf)]
    for number, gate in gates:
        rows = view.row[view.leaf_index == number]
        if len(rows) and int(rows.max()) >= gate.released:
            return True
    return False
