"""Figures with a known drift, and detectors by name."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import pytest
from hypothesis import settings

from morph_cl import load_catalog

settings.register_profile("detectors", deadline=None)  # the first example also imports scipy
settings.load_profile("detectors")


@pytest.fixture(scope="session")
def make() -> Callable[..., Any]:
    """A detector of the catalogue."""

    def build(name: str, **options: Any) -> Any:
        watch = load_catalog().detectors.get(name).spec.watches[0]
        return load_catalog().build_detector(name, options, watch)

    return build


@pytest.fixture(scope="session")
def errors() -> Callable[..., Iterator[int]]:
    """So many answers, of which a share is wrong."""

    def draw(rate: float, count: int, seed: int) -> Iterator[int]:
        source = random.Random(seed)
        return islice((int(source.random() < rate) for _ in iter(int, 1)), count)

    return draw


@pytest.fixture(scope="session")
def vectors() -> Callable[..., Iterator[list[float]]]:
    """So many feature vectors of four dimensions around a mean."""

    def draw(mean: float, count: int, seed: int) -> Iterator[list[float]]:
        source = random.Random(seed)
        return ([source.gauss(mean, 1) for _ in range(4)] for _ in range(count))

    return draw


@pytest.fixture(scope="session")
def alarms() -> Callable[[Any, Iterable[Any]], list[int]]:
    """After which figures, counted from 0, a detector alarms; it is reset after each alarm."""

    def listen(detector: Any, figures: Iterable[Any]) -> list[int]:
        found = []
        for number, figure in enumerate(figures):
            detector.update(figure)
            if detector.drift_detected:
                found.append(number)
                detector.reset()
        return found

    return listen
