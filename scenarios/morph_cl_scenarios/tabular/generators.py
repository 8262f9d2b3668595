"""river's generators as endless rows of one concept.

Sources: Street & Kim, A Streaming Ensemble Algorithm (SEA) for Large-Scale Classification, KDD 2001; Agrawal,
Imielinski & Swami, Database Mining: A Performance Perspective, TKDE 1993; Breiman et al., Classification and Regression
Trees, 1984 (LED); Bifet et al., New Ensemble Methods for Evolving Data Streams, KDD 2009 (drifts of LED and RandomRBF).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river.datasets import synth

from morph_cl_scenarios.seeding import stream_generator
from morph_cl_scenarios.tabular.features import FLAG, NUMBER, Column
from morph_cl_scenarios.tabular.options import AgrawalOptions, LedOptions, RbfOptions, SeaOptions, TabularOptions
from morph_cl_scenarios.tabular.variants import Variant

Row = tuple[list[float], int]
"""The features of a sample, and its class."""

_SEGMENTS, _MEANINGLESS = 7, 17


@dataclass(frozen=True)
class Generator:
    """What is known of a generator.

    Args:
        name: what a record calls its data.
        columns: its columns.
        class_names: its classes.
        rows: starts the rows of a concept, by the stream's seed.
    """

    name: str
    columns: tuple[Column, ...]
    class_names: tuple[str, ...]
    rows: Callable[[Any, Variant, int], Iterator[Row]]


def generator_for(options: TabularOptions) -> Generator:
    """The generator that options are for.

    Args:
        options: those of a stream.

    Returns:
        The generator.
    """
    if isinstance(options, SeaOptions):
        return Generator("river-sea", (NUMBER,) * 3, ("below", "above"), _sea)
    if isinstance(options, AgrawalOptions):
        return Generator("river-agrawal", _AGRAWAL, ("group B", "group A"), _agrawal)
    if isinstance(options, LedOptions):
        digits = tuple(map(str, range(10)))
        return Generator("river-led", (FLAG,) * (_SEGMENTS + _MEANINGLESS), digits, _led)
    assert isinstance(options, RbfOptions)
    classes = tuple(f"class {number}" for number in range(options.classes))
    return Generator("river-rbf", (NUMBER,) * options.features, classes, _rbf)


def _sea(options: SeaOptions, variant: Variant, seed: int) -> Iterator[Row]:
    return _rows(synth.SEA(variant=variant.number, noise=options.noise, seed=_seed(seed, variant)))


_AGRAWAL = (
    NUMBER,  # salary
    NUMBER,  # commission
    NUMBER,  # age
    Column(tuple(range(5))),  # level of education
    Column(tuple(range(1, 21))),  # maker of the car
    Column(tuple(range(9))),  # zip code
    NUMBER,  # value of the house
    NUMBER,  # years that it was owned
    NUMBER,  # loan
)


def _agrawal(options: AgrawalOptions, variant: Variant, seed: int) -> Iterator[Row]:
    return _rows(
        synth.Agrawal(
            classification_function=variant.number, perturbation=options.perturbation, seed=_seed(seed, variant)
        )
    )


def _led(options: LedOptions, variant: Variant, seed: int) -> Iterator[Row]:
    generator = synth.LED(seed=_seed(seed, variant), noise_percentage=options.noise, irrelevant_features=True)
    places = led_places(options.drift_attributes, variant.number, seed)
    for features, label in _rows(generator):
        yield [features[place] for place in places], label


def led_places(exchanged: int, number: int, seed: int) -> NDArray[np.int64]:
    """Where a context of LED has its attributes: as many segments as are exchanged lie among what means nothing.

    river's own LEDDrift draws the exchange and the samples by one seed, so that no context could come back.

    Args:
        exchanged: number of segments.
        number: number of the context; all are in their places in context 0.
        seed: the stream's seed.

    Returns:
        (24,) the attribute at each place.
    """
    places = np.arange(_SEGMENTS + _MEANINGLESS)
    if number:
        rng = stream_generator(seed, f"exchange {number}")
        segments = rng.permutation(_SEGMENTS)[:exchanged]
        others = _SEGMENTS + rng.permutation(_MEANINGLESS)[:exchanged]
        places[segments], places[others] = others, segments
    return places


class _Moved(synth.RandomRBFDrift):
    """RandomRBFDrift at rest, after its centroids have moved for some samples.

    Args:
        moved: the number of samples.
        change_speed: how far each centroid moves at each of them.
        settings: as for RandomRBFDrift.
    """

    def __init__(self, moved: int, change_speed: float, **settings: Any) -> None:
        super().__init__(change_speed=0.0, **settings)
        self.distance = moved * change_speed

    def _generate_centroids(self) -> None:
        super()._generate_centroids()
        for centroid, direction in zip(self.centroids, self.centroid_speed, strict=False):
            place = np.array(centroid.centre) + self.distance * np.array(direction)
            centroid.centre = (1 - np.abs(1 - place % 2)).tolist()  # back and forth between the sides of the cube
        self.n_drift_centroids = 0  # they rest from here on


def _rbf(options: RbfOptions, variant: Variant, seed: int) -> Iterator[Row]:
    model = int(stream_generator(seed, f"model {variant.number}").integers(2**31))
    return _rows(
        _Moved(
            variant.moved,
            options.change_speed,
            seed_model=model,
            seed_sample=_seed(seed, variant),
            n_classes=options.classes,
            n_features=options.features,
            n_centroids=options.centroids,
            n_drift_centroids=options.centroids if options.moving is None else options.moving,
        )
    )


def _seed(seed: int, variant: Variant) -> int:
    return int(stream_generator(seed, f"rows {variant.number} {variant.moved}").integers(2**31))


def _rows(dataset: Any) -> Iterator[Row]:
    for features, label in dataset:
        yield list(features.values()), int(label)
