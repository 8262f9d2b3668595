"""Streams of samples that come one after the other: each is predicted, and only then learned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from avalanche.benchmarks.scenarios.dataset_scenario import DatasetExperience
from avalanche.benchmarks.scenarios.online import OnlineCLExperience
from torch import Tensor

from morph_cl.bridge.dataset import TensorClassificationDataset, TensorLeaf, as_float, tensor_dataset
from morph_cl.bridge.held_out import HeldOut
from morph_cl.errors import UsageError
from morph_cl.results.prequential import Blip, DriftPoint, Trace

Span = TypeVar("Span", DriftPoint, Blip)


@dataclass(frozen=True)
class OnlineStream:
    """All samples of a stream in order, and what is known of its drifts.

    Where it drifts is for the measures alone: no strategy is told.

    Args:
        x: (N, C, H, W) images, uint8 or float32.
        y: (N,) int64 labels.
        concept: (N,) int64: number of the concept that each sample was drawn from.
        drifts: the drift points in order.
        classes: size of the label space that a learner predicts in.
        blips: disturbances that are no drifts.
        experience_size: samples after which a learner is told that an experience is over, wherever the drifts are.
        held_out: test data of its concepts for looks at the learner in mid-stream; None takes none.

    Raises:
        UsageError: a sample without a label, drift points that overlap or lie outside of the stream, or held-out data
            whose concepts do not fit them.
    """

    x: Tensor
    y: Tensor
    concept: Tensor
    drifts: tuple[DriftPoint, ...]
    classes: int
    blips: tuple[Blip, ...] = ()
    experience_size: int = 1_000
    held_out: HeldOut | None = None

    def __post_init__(self) -> None:
        size = len(self.x)
        if len(self.y) != size or len(self.concept) != size or not size:
            raise UsageError(
                f"{size} images, {len(self.y)} labels and {len(self.concept)} concepts: a test-then-train stream needs "
                "as many of each, and at least one."
            )
        if int(self.y.min()) < 0 or int(self.y.max()) >= self.classes:
            raise UsageError(
                f"labels run from {int(self.y.min())} to {int(self.y.max())}; give each sample one in "
                f"0..{self.classes - 1}."
            )
        if self.held_out is not None and len(self.held_out.concepts) != len(self.drifts) + 1:
            raise UsageError(
                f"held-out data names {len(self.held_out.concepts)} concepts for {len(self.drifts)} drifts; "
                f"name {len(self.drifts) + 1}, one a segment."
            )
        try:
            Trace(batch_sizes=[size], correct=[0], drifts=list(self.drifts), blips=list(self.blips))
        except ValueError as error:
            raise UsageError(f"the drifts do not fit the stream: {_reason(error)}") from error

    def __len__(self) -> int:
        return len(self.y)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of an image."""
        channels, height, width = self.x.shape[1:]
        return channels, height, width

    def batches(self, size: int = 10) -> Iterator[tuple[Tensor, Tensor]]:
        """The stream, batch by batch.

        Args:
            size: samples a batch; the last one may be smaller.

        Yields:
            Images (B, C, H, W) float32 and labels (B,) int64.
        """
        for start in range(0, len(self), size):
            yield as_float(self.x[start : start + size]), self.y[start : start + size]

    def experiences(self, size: int = 10) -> Iterator[OnlineCLExperience]:
        """The stream as Avalanche's online experiences, one a batch, made as they are asked for.

        Any Avalanche strategy can be trained on each by ``strategy.train(experience, eval_streams=[])``.

        Args:
            size: samples an experience; the last one may have fewer.

        Yields:
            Experiences without task boundaries, all of them of one origin that holds no data.
        """
        origin = DatasetExperience(dataset=_dataset(self, 0, 0), current_experience=0)
        for start in range(0, len(self), size):
            yield OnlineCLExperience(dataset=_dataset(self, start, start + size), origin_experience=origin)

    def keep(self, rows: Tensor) -> OnlineStream:
        """The stream without some of its samples, the drifts moved accordingly.

        Args:
            rows: (n,) int64, the samples that stay, ascending.

        Returns:
            The shorter stream.
        """

        def moved(span: Span) -> Span:
            start, end = torch.searchsorted(rows, torch.tensor([span.start, span.end])).tolist()
            return span.model_copy(update={"start": start, "end": end})

        blips = map(moved, self.blips)
        return replace(
            self,
            x=self.x[rows],
            y=self.y[rows],
            concept=self.concept[rows],
            drifts=tuple(map(moved, self.drifts)),
            blips=tuple(blip for blip in blips if blip.end > blip.start),
        )


def _dataset(stream: OnlineStream, start: int, stop: int) -> TensorClassificationDataset:
    return tensor_dataset(TensorLeaf(stream.x[start:stop], stream.y[start:stop]))


def _reason(error: ValueError) -> str:
    """What pydantic found, in one line."""
    errors = getattr(error, "errors", None)
    return str(errors()[0]["msg"]).removeprefix("Value error, ") if errors else str(error)
