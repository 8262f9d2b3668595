"""Three fish and three flowers of CIFAR-100: a small problem with two obvious groups."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from pydantic import BaseModel
from torch import Tensor

from morph_cl.data.images import ImageData
from morph_cl.data.request import DatasetRequest
from morph_cl.data.torchvision_sets import CIFAR100
from morph_cl.errors import DataError

FISH_FLOWERS = ("aquarium_fish", "sunflower", "crab", "poppy", "shark", "tulip")
"""The classes in the order of their labels: even ones are fish (crab is counted as one), odd ones are flowers."""


def build_fish_flowers(request: DatasetRequest, options: BaseModel) -> ImageData:
    """Read CIFAR-100 and keep six classes, 500 training and 100 test images of each.

    Args:
        request: where CIFAR-100's files lie and whether they may be downloaded.
        options: none.

    Returns:
        The data set.

    Raises:
        DataError: a file of CIFAR-100 is missing, truncated or corrupt, or the download failed.
    """
    return keep_classes(CIFAR100.build(request, options), "cifar100-fish-flowers", FISH_FLOWERS)


def keep_classes(data: ImageData, name: str, kept: Sequence[str]) -> ImageData:
    """Some classes of a data set.

    Args:
        data: the whole.
        name: what the part is called.
        kept: names of classes, in the order of their new labels.

    Returns:
        The images of these classes in their old order, labelled from 0.

    Raises:
        DataError: the data set has no such class.
    """
    missing = [wanted for wanted in kept if wanted not in data.class_names]
    if missing:
        raise DataError(
            f"data set {data.name!r} has no class {missing[0]!r}; it has {', '.join(data.class_names)}. "
            "Replace its files by a sound copy."
        )
    label = torch.full((data.classes,), -1)
    label[[data.class_names.index(wanted) for wanted in kept]] = torch.arange(len(kept))

    def part(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        rows = (label[y] >= 0).nonzero().squeeze(1)
        return x[rows], label[y[rows]]

    return ImageData(name, *part(data.train_x, data.train_y), *part(data.test_x, data.test_y), tuple(kept))
