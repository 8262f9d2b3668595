"""Streams of river's generators as a scenario."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, partial
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from morph_cl import ImageData, ScenarioRequest, Stream
from morph_cl_scenarios.drifting.schedule import Schedule
from morph_cl_scenarios.drifting.stream import make_drifting_stream
from morph_cl_scenarios.tabular.features import Encoder
from morph_cl_scenarios.tabular.generators import Row, generator_for
from morph_cl_scenarios.tabular.options import TabularOptions
from morph_cl_scenarios.tabular.variants import Variant, make_variants

_HELD = 2


@lru_cache(maxsize=_HELD)
def draw(seed: int, options: TabularOptions) -> ImageData:
    """Draw the samples of a stream, and test samples of each concept that a segment is in.

    The rows of a concept come from one generator, none of them twice: first those before the stream, then its test
    samples, then its part of the stream.

    Args:
        seed: the stream's seed.
        options: the generator and the patterns.

    Returns:
        The samples in their order as training data; the test samples concept by concept.

    Raises:
        UsageError: segments too short for their pattern, or a window longer than half a segment.
    """
    generator, schedule = generator_for(options), make_variants(options, seed)
    rows = [generator.rows(options, concept, seed) for concept in schedule.concepts]
    warm_up, _ = _take(rows[0], options.warm_up)
    encode = Encoder(generator.columns, warm_up)
    test = [_take(rows[number], options.test_size) for number in _tested(schedule)]
    features = np.empty((schedule.samples, len(generator.columns)))
    labels = np.empty(schedule.samples, dtype=np.int64)
    for number, source in enumerate(rows):
        places = np.flatnonzero(schedule.concept == number)
        features[places], labels[places] = _take(source, len(places))
    return ImageData(
        name=generator.name,
        train_x=encode(features),
        train_y=torch.from_numpy(labels),
        test_x=encode(np.concatenate([part for part, _ in test])),
        test_y=torch.from_numpy(np.concatenate([part for _, part in test])),
        class_names=generator.class_names,
    )


def build(request: ScenarioRequest, options: TabularOptions) -> Stream:
    """Build a stream from the samples that :func:`draw` has drawn.

    Args:
        request: the samples, seed and setting.
        options: the generator and the patterns.

    Returns:
        A stream of one experience with ``online`` set; it is tested on the concept at its end.
    """
    data, schedule = request.data, make_variants(options, request.seed)
    test = partial(_test_part, data, _tested(schedule), options.test_size)
    return make_drifting_stream(
        request, options, schedule, train=(data.train_x, data.train_y), test=test, classes=data.classes
    )


def _tested(schedule: Schedule[Variant]) -> list[int]:
    """The concepts that segments are in, each once."""
    return list(dict.fromkeys(schedule.segment_concepts()))


def _test_part(
    data: ImageData, tested: list[int], test_size: int, number: int, size: int | None = None
) -> tuple[Tensor, Tensor]:
    """The test samples of a concept, or the first of them."""
    start = tested.index(number) * test_size
    stop = start + min(test_size, size or test_size)
    return data.test_x[start:stop], data.test_y[start:stop]


def _take(rows: Iterator[Row], count: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The next rows: features (count, F) and labels (count,)."""
    taken = list(islice(rows, count))
    features = np.array([row for row, _ in taken], dtype=np.float64)
    return features, np.array([label for _, label in taken], dtype=np.int64)
