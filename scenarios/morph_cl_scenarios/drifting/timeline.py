"""A stream's concepts sample by sample, while patterns fill them in."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, TypeVar

import numpy as np

from morph_cl import DriftPoint

State = TypeVar("State", bound=Hashable)
"""A concept, whatever it is made of: what holds at a time. Equal ones are one and the same."""


@dataclass(frozen=True)
class Stretch:
    """A run of samples.

    Args:
        start: its first sample.
        stop: the sample after its last.
    """

    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    def split(self, parts: int) -> list[Stretch]:
        """Equal stretches, up to one sample.

        Args:
            parts: how many.
        """
        bounds = [self.start + round(len(self) * number / parts) for number in range(parts + 1)]
        return [Stretch(start, stop) for start, stop in pairwise(bounds)]

    def middle(self, rng: np.random.Generator, width: int = 0) -> int:
        """Where a drift of a width begins so that it lies around the middle, give or take a tenth of the stretch.

        Args:
            rng: draws the place.
            width: samples that the drift takes, at most half of the stretch.
        """
        place = self.start + len(self) * (0.5 + rng.uniform(-0.1, 0.1)) - width / 2
        return round(place)


class Timeline(Generic[State]):
    """Arrays over all samples, and the drifts in them.

    Args:
        samples: length of the stream.
    """

    def __init__(self, samples: int) -> None:
        self.concepts: list[State] = []
        self.older = np.zeros(samples, dtype=np.int64)
        self.newer = np.zeros(samples, dtype=np.int64)
        self.weight = np.ones(samples)
        self.drifts: list[DriftPoint] = []
        self.blips: list[tuple[int, int]] = []
        self._numbers: dict[State, int] = {}

    def hold(self, stretch: Stretch, concept: State) -> None:
        """Let one concept hold.

        Args:
            stretch: the samples.
            concept: what they are drawn from.
        """
        self.older[stretch.start : stretch.stop] = self._number(concept)
        self.newer[stretch.start : stretch.stop] = self._number(concept)

    def mix(self, stretch: Stretch, old: State, new: State) -> None:
        """Let one concept give way to another, its share falling steadily.

        Args:
            stretch: the samples.
            old: the concept that recedes.
            new: the concept that comes in.
        """
        self.older[stretch.start : stretch.stop] = self._number(old)
        self.newer[stretch.start : stretch.stop] = self._number(new)
        self.weight[stretch.start : stretch.stop] = (np.arange(len(stretch)) + 0.5) / len(stretch)

    def drift(self, start: int, end: int, kind: str, concept: State) -> None:
        """Note a drift for the metrics, before its new concept holds anywhere behind it.

        Args:
            start: the first sample that may differ.
            end: the first sample from which the new concept comes alone.
            kind: the pattern's name.
            concept: the new one; where the stream has been in it before, the drift is a recurring one.
        """
        self.drifts.append(DriftPoint(start=start, end=end, kind=kind, recurring=self.met(concept)))

    def met(self, concept: State) -> bool:
        """Whether the stream has been in a concept.

        Args:
            concept: the concept.
        """
        return concept in self._numbers

    def blip(self, stretch: Stretch, concept: State) -> None:
        """Let an outlier in that is no drift.

        Args:
            stretch: its samples.
            concept: what they are drawn from.
        """
        self.hold(stretch, concept)
        self.blips.append((stretch.start, stretch.stop))

    def _number(self, concept: State) -> int:
        if concept not in self._numbers:
            self._numbers[concept] = len(self.concepts)
            self.concepts.append(concept)
        return self._numbers[concept]
