"""Which concept holds at each sample of a stream: pure, and the same for one seed on every machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic

import numpy as np
from numpy.typing import NDArray

from morph_cl import DriftPoint, UsageError
from morph_cl_scenarios.drifting.concepts import Concept, ConceptMaker
from morph_cl_scenarios.drifting.options import WINDOWED, DriftingOptions, StreamOptions
from morph_cl_scenarios.drifting.patterns import PATTERNS, Fill, Made
from morph_cl_scenarios.drifting.timeline import State, Stretch, Timeline
from morph_cl_scenarios.seeding import stream_generator

LEAST_STRETCH = 10
"""Samples that a concept holds at the least."""


@dataclass(frozen=True)
class Schedule(Generic[State]):
    """A stream before any sample is drawn.

    Args:
        concepts: every concept that occurs.
        older: (N,) int64 into ``concepts``: what recedes at each sample.
        newer: (N,) int64: what comes in; equal to ``older`` outside of mixtures.
        weight: (N,) float64 in [0, 1]: chance of the newer one.
        concept: (N,) int64: which of the two each sample was drawn from.
        drifts: the known drift points, in order.
        blips: first sample and the one after the last of each outlier that is no drift.
    """

    concepts: tuple[State, ...]
    older: NDArray[np.int64]
    newer: NDArray[np.int64]
    weight: NDArray[np.float64]
    concept: NDArray[np.int64]
    drifts: tuple[DriftPoint, ...]
    blips: tuple[tuple[int, int], ...]

    @property
    def samples(self) -> int:
        """N, the length of the stream."""
        return len(self.concept)

    def segment_concepts(self) -> list[int]:
        """The concept before the first drift and that after each drift, into ``concepts``."""
        return [int(self.older[0]), *(int(self.older[drift.end]) for drift in self.drifts)]


def make_schedule(options: DriftingOptions, samples: int, classes: int, seed: int) -> Schedule[Concept]:
    """Give each pattern its segment and draw which concept each sample comes from.

    Args:
        options: the patterns and what drifts in them.
        samples: length of the stream.
        classes: number of classes of the data set.
        seed: the stream's seed; the only source of randomness.

    Returns:
        The schedule.

    Raises:
        UsageError: segments too short for their pattern, or a window longer than half a segment.
    """
    check_room(options, samples)
    rng = stream_generator(seed, "drifts")
    maker = ConceptMaker(options, classes, rng)
    return lay_out(options, samples, PATTERNS, maker, maker.first(), rng)


def lay_out(
    options: StreamOptions,
    samples: int,
    patterns: Mapping[str, Fill[State, Made]],
    maker: Made,
    first: State,
    rng: np.random.Generator,
) -> Schedule[State]:
    """Give each pattern its segment, whatever concepts are.

    Args:
        options: the patterns; there is room for them.
        samples: length of the stream.
        patterns: what each pattern's name does.
        maker: makes the concepts for them.
        first: the concept at the stream's start.
        rng: draws which concept each sample of a mixture comes from.

    Returns:
        The schedule.
    """
    timeline: Timeline[State] = Timeline(samples)
    now = first
    bounds = [round(samples * number / len(options.patterns)) for number in range(len(options.patterns) + 1)]
    for pattern, start, stop in zip(options.patterns, bounds[:-1], bounds[1:], strict=True):
        now = patterns[pattern](timeline, Stretch(start, stop), now, maker)
    draws = rng.random(samples)
    return Schedule(
        concepts=tuple(timeline.concepts),
        older=timeline.older,
        newer=timeline.newer,
        weight=timeline.weight,
        concept=np.where(draws < timeline.weight, timeline.newer, timeline.older),
        drifts=tuple(timeline.drifts),
        blips=tuple(timeline.blips),
    )


def check_room(options: StreamOptions, samples: int) -> None:
    """Refuse segments that cannot hold their pattern.

    Args:
        options: the patterns.
        samples: length of the stream.

    Raises:
        UsageError: segments too short for their pattern, or a window longer than half a segment.
    """
    segment = samples // len(options.patterns)
    shortest = 2 * LEAST_STRETCH
    if "recurring" in options.patterns:
        shortest = max(shortest, 2 * options.contexts * LEAST_STRETCH)
    if "blips" in options.patterns:
        shortest = max(shortest, 10 * options.blip)
    if segment < shortest:
        raise UsageError(
            f"samples={samples} leaves {segment} for each of {len(options.patterns)} patterns, which need {shortest}; "
            f"give samples={shortest * len(options.patterns)} or more, or fewer patterns."
        )
    if options.width is not None and options.width > segment // 2 and set(options.patterns) & set(WINDOWED):
        raise UsageError(
            f"width={options.width} is more than half of a segment of {segment} samples; give 1 to {segment // 2}."
        )
