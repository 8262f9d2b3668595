"""Training subsets: as disjoint as the data allows, each with the classes in their shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from morph_cl import ImageData, ScenarioRequest, UsageError
from morph_cl_scenarios.options import SubsetOptions
from morph_cl_scenarios.seeding import stream_generator


def stratified_order(labels: Tensor, rng: np.random.Generator) -> Tensor:
    """Shuffle samples so that every run of consecutive ones holds the classes in nearly their shares.

    Args:
        labels: (N,) int64.
        rng: draws the order.

    Returns:
        (N,) int64: a permutation of 0..N-1.
    """
    y = labels.numpy()
    place = np.empty(len(y))
    for label in np.unique(y):
        members = rng.permutation(np.flatnonzero(y == label))
        # Spread each class evenly over (0, 1); the jitter keeps the order of the classes from repeating.
        place[members] = (np.arange(len(members)) + rng.random(len(members))) / len(members)
    return torch.from_numpy(np.argsort(place, kind="stable"))


@dataclass(frozen=True)
class TrainingSubsets:
    """Which training images each experience sees.

    Args:
        data: the whole data set.
        order: (N,) int64, the order in which images are dealt out; None where every experience sees all.
        size: training images an experience.
        detail: JSON-able facts for the record.
    """

    data: ImageData
    order: Tensor | None
    size: int
    detail: dict[str, Any]

    def take(self, experience: int) -> tuple[Tensor, Tensor]:
        """The training data of one experience.

        Args:
            experience: its number, from 0.

        Returns:
            Images (size, C, H, W) and labels (size,).
        """
        if self.order is None:
            return self.data.train_x, self.data.train_y
        # Wrapping round keeps an experience's images distinct, and experiences disjoint while images last.
        places = (experience * self.size + torch.arange(self.size)) % len(self.order)
        rows = self.order[places].sort().values
        return self.data.train_x[rows], self.data.train_y[rows]


def training_subsets(request: ScenarioRequest, options: SubsetOptions, experiences: int) -> TrainingSubsets:
    """Deal the training images out to experiences.

    Args:
        request: the data and the seed.
        options: the sizes that were asked for.
        experiences: number of experiences.

    Returns:
        The subsets.

    Raises:
        UsageError: ``train_size`` is larger than the data.
    """
    data = request.data
    available = len(data.train_y)
    if options.train_size is not None and options.train_size > available:
        raise UsageError(
            f"train_size={options.train_size}, but {data.name} has {available} training images; "
            f"give at most {available}, or a larger data set with --dataset."
        )
    wanted = options.train_size or options.train_limit or available
    size = min(wanted, available)
    detail: dict[str, Any] = {"train_size": size}
    if wanted > available:
        detail["capped"] = {"train_size": wanted, "available": available}
    if size == available:
        return TrainingSubsets(data, None, size, detail)
    detail["disjoint"] = size * experiences <= available
    order = stratified_order(data.train_y, stream_generator(request.seed, "subsets"))
    return TrainingSubsets(data, order, size, detail)
