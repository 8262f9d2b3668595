"""What a strategy made of experts tells of itself, beyond its predictions, and the data that it is asked about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from morph_cl.bridge.dataset import view_of
from morph_cl.errors import UsageError

if TYPE_CHECKING:
    from morph_cl.bridge.stream import Stream


@dataclass(frozen=True)
class LabelledBatch:
    """Evaluation data that a strategy measures itself on once training is over.

    Labels are there to be counted. A figure in which a label chooses the expert is named ``oracle_...``.

    Args:
        x: (B, C, H, W) images.
        y: (B,) int64 classes.
        task: the task label of all of them, what the strategy is told in the task setting; 0 in the others.
        experience: index of the experience that they are of.
    """

    x: Tensor
    y: Tensor
    task: int
    experience: int


def labelled_batches(stream: Stream, size: int, device: torch.device | str = "cpu") -> Iterator[LabelledBatch]:
    """The test data of a stream, experience by experience, in its own order.

    Args:
        stream: the stream.
        size: samples a batch, at least 1; the last batch of an experience may be smaller.
        device: where the batches go.

    Yields:
        Batches of one experience each.

    Raises:
        UsageError: the stream's data are no whole tensors.
    """
    for number, experience in enumerate(stream.benchmark.test_stream):
        view = view_of(experience.dataset)
        if view is None:
            raise UsageError(
                f"the test data of experience {number + 1} are no whole tensors; build the scenario with make_stream."
            )
        for start in range(0, len(view), size):
            x, y, task = view.span(start, min(start + size, len(view)))
            yield LabelledBatch(x.to(device), y.to(device), int(task[0]), number)
