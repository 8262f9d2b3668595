"""Streams: Avalanche benchmarks made of whole tensors, with what a record says of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from avalanche.benchmarks.scenarios import CLScenario
from avalanche.benchmarks.scenarios.dataset_scenario import benchmark_from_datasets
from avalanche.benchmarks.scenarios.supervised import with_classes_timeline
from avalanche.benchmarks.scenarios.task_aware import with_task_labels
from torch import Tensor

from morph_cl.bridge.dataset import Origin, TensorLeaf, tensor_dataset
from morph_cl.bridge.online import OnlineStream
from morph_cl.data.images import ImageData
from morph_cl.errors import UsageError


@dataclass(frozen=True)
class ScenarioRequest:
    """What the builder of a scenario is told.

    Args:
        data: the images that the stream is made of.
        seed: the stream's seed: one seed, one stream, whatever any strategy draws.
        setting: ``class``, ``domain`` or ``task``.
        validation: fraction of each experience's training data that becomes its validation data, in [0, 1).
    """

    data: ImageData
    seed: int
    setting: str
    validation: float = 0.0


@dataclass(frozen=True)
class ExperienceData:
    """One experience, as a scenario makes it.

    Args:
        label: how tables and curves name it, such as ``45°`` or ``digits 2 3``.
        train_x: (N, C, H, W) uint8 or float32.
        train_y: (N,) int64.
        test_x: (M, C, H, W) of the same type.
        test_y: (M,) int64.
    """

    label: str
    train_x: Tensor
    train_y: Tensor
    test_x: Tensor
    test_y: Tensor


@dataclass(frozen=True)
class Stream:
    """A benchmark and what is known of it.

    Args:
        benchmark: Avalanche's ``CLScenario`` with streams ``train``, ``test`` and, where asked for, ``valid``.
        setting: ``class``, ``domain`` or ``task``; task labels exist only in the last.
        labels: one name an experience.
        classes: size of the label space that a learner predicts in.
        input_shape: (C, H, W).
        detail: JSON-able facts, such as angles or class order.
        online: the samples one after the other where the stream is test-then-train; None where it is learned
            experience by experience.
    """

    benchmark: CLScenario
    setting: str
    labels: tuple[str, ...]
    classes: int
    input_shape: tuple[int, int, int]
    detail: Mapping[str, Any] = field(default_factory=dict)
    online: OnlineStream | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def has_validation(self) -> bool:
        """Whether a validation stream was carved from the training data."""
        return "valid" in self.benchmark.streams


def make_stream(
    request: ScenarioRequest,
    experiences: Sequence[ExperienceData],
    *,
    classes: int,
    detail: Mapping[str, Any] | None = None,
) -> Stream:
    """Build the Avalanche benchmark of a scenario.

    Args:
        request: what was asked for; its setting decides whether task labels exist.
        experiences: the experiences in order, at least one.
        classes: size of the label space that a learner predicts in.
        detail: JSON-able facts for the record.

    Returns:
        The stream; any Avalanche strategy can train on ``stream.benchmark.train_stream``.

    Raises:
        UsageError: no experience, or a validation split that leaves an experience without training data.
    """
    if not experiences:
        raise UsageError("a stream needs at least one experience.")
    streams: dict[str, list[Any]] = {"train": [], "test": []}
    if request.validation:
        streams["valid"] = []
    for number, experience in enumerate(experiences):
        task = number if request.setting == "task" else 0
        parts = _parts(experience, request, number)
        for name, (x, y) in parts.items():
            streams[name].append(tensor_dataset(TensorLeaf(x, y, task, Origin(name, number))))
    benchmark = with_classes_timeline(benchmark_from_datasets(**streams))
    if request.setting == "task":
        benchmark = with_task_labels(benchmark)
    _describe_classes(benchmark, experiences)
    return Stream(
        benchmark=benchmark,
        setting=request.setting,
        labels=tuple(experience.label for experience in experiences),
        classes=classes,
        input_shape=request.data.input_shape,
        detail=dict(detail or {}),
    )


def make_online_stream(
    request: ScenarioRequest,
    experience: ExperienceData,
    online: OnlineStream,
    *,
    detail: Mapping[str, Any] | None = None,
) -> Stream:
    """Build a test-then-train stream: each batch is predicted before it is learned.

    Its benchmark has one experience with all samples in their order, for any Avalanche strategy.

    Args:
        request: what was asked for.
        experience: the samples as training data, and the test data.
        online: the same samples with what is known of their drifts.
        detail: JSON-able facts for the record.

    Returns:
        The stream; what its validation data holds is no part of its samples.

    Raises:
        UsageError: as :func:`make_stream`.
    """
    if request.validation:
        kept, _ = _validation_rows(len(online), request, 0)
        online = online.keep(kept)
    stream = make_stream(request, [experience], classes=online.classes, detail=detail)
    return replace(stream, online=online)


def _parts(experience: ExperienceData, request: ScenarioRequest, number: int) -> dict[str, tuple[Tensor, Tensor]]:
    """Training, test and (from training, never from test) validation data of one experience."""
    parts = {
        "train": (experience.train_x, experience.train_y),
        "test": (experience.test_x, experience.test_y),
    }
    if request.validation:
        keep, hold = _validation_rows(len(experience.train_y), request, number)
        parts["train"] = (experience.train_x[keep], experience.train_y[keep])
        parts["valid"] = (experience.train_x[hold], experience.train_y[hold])
    return parts


def _validation_rows(size: int, request: ScenarioRequest, number: int) -> tuple[Tensor, Tensor]:
    """The rows of an experience that stay training data, and those that become validation data, both in order."""
    held_out = round(size * request.validation)
    if not 0 < held_out < size:
        raise UsageError(
            f"validation={request.validation} of {size} training images leaves {size - held_out} for training "
            f"and {held_out} for validation in experience {number}; choose another fraction."
        )
    generator = torch.Generator().manual_seed(request.seed * 1_000_003 + number)
    order = torch.randperm(size, generator=generator)
    return order[held_out:].sort().values, order[:held_out].sort().values


def _describe_classes(benchmark: CLScenario, experiences: Sequence[ExperienceData]) -> None:
    """Set what Avalanche's older strategies (iCaRL) read off a benchmark: the classes that each experience brings."""
    seen: set[int] = set()
    order: list[int] = []
    counts: list[int] = []
    for experience in experiences:
        present = torch.bincount(experience.train_y).nonzero().squeeze(1).tolist()
        new = [label for label in present if label not in seen]
        seen.update(new)
        order.extend(new)
        counts.append(len(new))
    benchmark.classes_order = order
    benchmark.n_classes_per_exp = counts
