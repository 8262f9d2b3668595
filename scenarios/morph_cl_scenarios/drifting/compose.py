"""From a schedule and a data set to the images and labels of a stream."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from morph_cl import ImageData, UsageError
from morph_cl_scenarios.drifting.concepts import Concept
from morph_cl_scenarios.drifting.schedule import Schedule
from morph_cl_scenarios.drifting.sources import PixelSources, add_noise, move_pixels
from morph_cl_scenarios.seeding import stream_generator

_CHUNK = 1_000


def draw_images(schedule: Schedule[Concept], labels: Tensor, classes: int, seed: int) -> NDArray[np.int64]:
    """Choose the training image of each sample, none of them twice.

    Args:
        schedule: which concept each sample comes from.
        labels: (n,) int64 classes of the training images.
        classes: number of classes.
        seed: the stream's seed.

    Returns:
        (N,) int64 rows of the training images.

    Raises:
        UsageError: the data has too few images, of all or of a class that the schedule favours.
    """
    rng = stream_generator(seed, "images")
    if schedule.samples > len(labels):
        raise UsageError(
            f"samples={schedule.samples}, but there are {len(labels)} training images and each may come once: a stream "
            f"is scored on samples that were never seen; give at most {len(labels)}, or a larger data set."
        )
    if all(concept.weights is None for concept in schedule.concepts):
        return rng.permutation(len(labels))[: schedule.samples]
    y = labels.numpy()
    pools = [rng.permutation(np.flatnonzero(y == label)) for label in range(classes)]
    drawn = _draw_classes(schedule, np.array([len(pool) for pool in pools]), rng)
    _check_pools(schedule.samples, drawn, pools)
    rows = np.empty(schedule.samples, dtype=np.int64)
    for label, pool in enumerate(pools):
        places = np.flatnonzero(drawn == label)
        rows[places] = pool[: len(places)]
    return rows


def _draw_classes(
    schedule: Schedule[Concept], available: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """The class of each sample, by the weights of its concept, (N,)."""
    natural = available / available.sum()
    weights = np.stack([natural if concept.weights is None else concept.weights for concept in schedule.concepts])
    edges = weights.cumsum(1)
    edges[:, -1] = 1.0
    draws = rng.random(schedule.samples)
    drawn = np.empty(schedule.samples, dtype=np.int64)
    for number in np.unique(schedule.concept):
        here = schedule.concept == number
        # A class of weight 0 has no width between its edges, so that it is never drawn.
        drawn[here] = np.searchsorted(edges[number] / edges[number].max(), draws[here], side="right")
    return drawn


def _check_pools(samples: int, drawn: NDArray[np.int64], pools: list[NDArray[np.int64]]) -> None:
    need = np.bincount(drawn, minlength=len(pools))
    have = np.array([len(pool) for pool in pools])
    short = np.flatnonzero(need > have)
    if len(short):
        label = int(short[0])
        # A class of share p needs n p images, give or take three times the root of that.
        most = ((np.sqrt(9 + 4 * have) - 3) / 2) ** 2
        enough = int((most[need > 0] * samples / need[need > 0]).min())
        raise UsageError(
            f"samples={samples} needs {need[label]} training images of class {label}, but there are {have[label]} and "
            f"each may come once; give samples={enough} or fewer, or a larger data set."
        )


class Composer:
    """Makes the images of the samples of a schedule.

    Args:
        schedule: which concept each sample comes from.
        data: the data set.
        seed: the stream's seed.
    """

    def __init__(self, schedule: Schedule[Concept], data: ImageData, seed: int) -> None:
        self.schedule = schedule
        self.data = data
        self.seed = seed
        _, height, width = data.input_shape
        self.sources = PixelSources(schedule.concepts, height, width, seed)
        self.noise = np.array([concept.noise for concept in schedule.concepts])  # (K, classes)
        self.labels = torch.tensor([concept.labels for concept in schedule.concepts])  # (K, classes)
        byte = data.train_x.dtype == torch.uint8
        self.low = 0.0 if byte else min(0.0, float(data.train_x.min()))  # what turns in from outside is 0
        self.high = 255.0 if byte else float(data.train_x.max())

    def stream(self, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """The training samples in their order.

        Args:
            rows: (N,) the training image of each.

        Returns:
            Images (N, C, H, W) and labels (N,).
        """
        index = torch.from_numpy(rows)
        return self._compose(self.data.train_x[index], self.data.train_y[index], self.schedule.concept, purpose="noise")

    def test(self, number: int, size: int | None = None) -> tuple[Tensor, Tensor]:
        """Test images as a concept has them; classes that do not come in it are left out.

        Args:
            number: the concept.
            size: images at most, chosen by the seed; None takes all.

        Returns:
            Images (M, C, H, W) and labels (M,).
        """
        weights = self.schedule.concepts[number].weights
        x, y = self.data.test_x, self.data.test_y
        if size is not None:
            order = torch.from_numpy(stream_generator(self.seed, "held-out images").permutation(len(y)))
            x, y = x[order], y[order]
        if weights is not None:
            kept = (torch.tensor(weights)[y] > 0).nonzero().squeeze(1)
            x, y = x[kept], y[kept]
        x, y = x[:size], y[:size]
        return self._compose(x, y, np.full(len(y), number), purpose="test noise")

    def _compose(self, x: Tensor, y: Tensor, concept: NDArray[np.int64], purpose: str) -> tuple[Tensor, Tensor]:
        rng = stream_generator(self.seed, purpose)
        which = torch.from_numpy(concept)
        images = torch.empty_like(x)
        for part in torch.split(torch.arange(len(y)), _CHUNK):
            sources = self.sources.table[self.sources.row[which[part], y[part]]]  # (B, H * W)
            level = self.noise[concept[part], y[part].numpy()]
            images[part] = add_noise(move_pixels(x[part], sources), level, rng, self.low, self.high)
        return images, self.labels[which, y]
