"""What a stream's images and labels are like at one time, and what they turn into."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from morph_cl import UsageError
from morph_cl_scenarios.drifting.options import DriftingOptions, Source

Value = TypeVar("Value", int, float)

_TRIES = 100

_NOISE_STEPS = 20
"""Steps in which noise grows."""


@dataclass(frozen=True)
class Concept:
    """How samples are drawn and changed; every tuple has one entry a class of the data set.

    Args:
        angles: degrees counter-clockwise by which images of the class are turned, in [0, 360).
        permutations: number of the order of pixels of the class; 0 leaves them in place.
        noise: standard deviation of the class's added noise, in units of the pixels' range.
        labels: what the class is called.
        weights: share of each class among the samples, summing to 1; None draws as the data has them.
    """

    angles: tuple[float, ...]
    permutations: tuple[int, ...]
    noise: tuple[float, ...]
    labels: tuple[int, ...]
    weights: tuple[float, ...] | None = None

    @classmethod
    def plain(cls, classes: int) -> Concept:
        """The data set as it is.

        Args:
            classes: number of classes.
        """
        return cls((0.0,) * classes, (0,) * classes, (0.0,) * classes, tuple(range(classes)))

    @property
    def classes(self) -> int:
        """Number of classes of the data set."""
        return len(self.labels)


class ConceptMaker:
    """Makes concepts that a stream has not been in before.

    Args:
        options: the source, and how far it moves.
        classes: number of classes of the data set.
        rng: draws classes.
    """

    def __init__(self, options: DriftingOptions, classes: int, rng: np.random.Generator) -> None:
        self.options = options
        self.classes = classes
        self.rng = rng
        self._made = 0
        self._groups: list[frozenset[int]] = []

    def first(self) -> Concept:
        """The concept at the stream's start."""
        plain = Concept.plain(self.classes)
        return self.fresh(plain) if self.options.source == "classes" else plain

    def fresh(self, now: Concept, affected: frozenset[int] | None = None, source: Source | None = None) -> Concept:
        """A new context.

        Args:
            now: the concept that it comes after.
            affected: the classes that change; None changes all.
            source: what changes; None takes that of the options.

        Returns:
            The concept.
        """
        source = source or self.options.source
        if source == "classes":
            return replace(now, weights=self._half())
        self._made += 1
        changed = frozenset(range(self.classes)) if affected is None else affected
        if source == "rotation":
            angle = self._made * self.options.angle % 360
            return replace(now, angles=_put(now.angles, changed, angle))
        if source == "permutation":
            return replace(now, permutations=_put(now.permutations, changed, self._made))
        noise = tuple(
            level + self.options.noise if label in changed else level for label, level in enumerate(now.noise)
        )
        return replace(now, noise=noise)

    def way(self, now: Concept, samples: int) -> list[Concept]:
        """The angle turns by degrees, or noise grows in steps, until a new context.

        Args:
            now: the concept that it starts from.
            samples: samples that there are on the way.

        Returns:
            The steps, at most one a sample, and the new context.
        """
        new = self.fresh(now)
        degrees = max(abs(turn(a, b)) for a, b in zip(now.angles, new.angles, strict=True))
        steps = min(samples, max(round(degrees), _NOISE_STEPS))
        return [*(between(now, new, number / (steps + 1)) for number in range(1, steps + 1)), new]

    def local(self, now: Concept) -> Concept:
        """A new context for some classes only.

        Args:
            now: the concept that it comes after.
        """
        return self.fresh(now, self._some())

    def prior(self, now: Concept) -> Concept:
        """Other shares of the classes.

        Args:
            now: the concept that it comes after.
        """
        skew = self.options.skew
        while True:
            favoured = self._some()
            rest = self.classes - len(favoured)
            if math.isclose(skew * self.classes, len(favoured)):
                raise UsageError(
                    f"skew={skew} favours none of {self.classes} classes over the others; give a larger one, up to 1."
                )
            weights = tuple(
                skew / len(favoured) if label in favoured else (1 - skew) / rest for label in range(self.classes)
            )
            if weights != now.weights:
                return replace(now, weights=weights)

    def swap(self, now: Concept) -> Concept:
        """Other labels: pairs of classes change theirs.

        Args:
            now: the concept that it comes after.
        """
        pairs = max(1, int(self.options.share * self.classes) // 2)
        order = self.rng.permutation(self.classes)[: 2 * pairs].tolist()
        labels = list(now.labels)
        for a, b in zip(order[::2], order[1::2], strict=True):
            labels[a], labels[b] = labels[b], labels[a]
        return replace(now, labels=tuple(labels))

    def _some(self) -> frozenset[int]:
        """At least one class and never all."""
        count = min(max(1, round(self.options.share * self.classes)), self.classes - 1)
        return frozenset(self.rng.permutation(self.classes)[:count].tolist())

    def _half(self) -> tuple[float, ...]:
        """Equal weights for half of the classes: first one half, then the other, then halves not met before."""
        group = self._draw_half()
        if len(self._groups) == 1:
            group = frozenset(range(self.classes)) - self._groups[0]
        for _ in range(_TRIES):
            if group not in self._groups:
                break
            group = self._draw_half()
        while self._groups and group == self._groups[-1]:  # few classes have few halves: one of them comes back
            group = self._draw_half()
        self._groups.append(group)
        return tuple(1 / len(group) if label in group else 0.0 for label in range(self.classes))

    def _draw_half(self) -> frozenset[int]:
        return frozenset(self.rng.permutation(self.classes)[: self.classes // 2].tolist())


def between(old: Concept, new: Concept, progress: float) -> Concept:
    """A concept on the way: angles turn the shorter way round, noise grows steadily.

    Args:
        old: where the way starts.
        new: where it ends.
        progress: how far it is, in [0, 1].

    Returns:
        The concept.
    """
    angles = tuple((a + turn(a, b) * progress) % 360 for a, b in zip(old.angles, new.angles, strict=True))
    noise = tuple(a + (b - a) * progress for a, b in zip(old.noise, new.noise, strict=True))
    return replace(new, angles=angles, noise=noise)


def turn(start: float, end: float) -> float:
    """The shorter way from one angle to another.

    Args:
        start: degrees.
        end: degrees.

    Returns:
        Degrees in [-180, 180).
    """
    return (end - start + 180) % 360 - 180


def _put(values: tuple[Value, ...], classes: frozenset[int], value: Value) -> tuple[Value, ...]:
    return tuple(value if label in classes else old for label, old in enumerate(values))
