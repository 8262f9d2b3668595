"""The concepts of generated streams, in the order in which patterns ask for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from morph_cl_scenarios.drifting.patterns import Fill, abrupt, blips, gradual, incremental, none, recurring
from morph_cl_scenarios.drifting.schedule import Schedule, check_room, lay_out
from morph_cl_scenarios.seeding import stream_generator
from morph_cl_scenarios.tabular.options import TabularOptions, VariantOptions

_STEPS = 20
"""Steps in which centroids move from one place to another."""


@dataclass(frozen=True)
class Variant:
    """A concept of a generator.

    Args:
        number: which one.
        moved: samples for which its centroids have moved; 0 for generators without any.
    """

    number: int
    moved: int = 0


class VariantMaker:
    """Gives the patterns one concept after the other.

    Args:
        options: the patterns, and the order of concepts where their number is fixed.
        rng: draws where drifts lie.
    """

    def __init__(self, options: TabularOptions, rng: np.random.Generator) -> None:
        self.options = options
        self.rng = rng
        self._order = options.order if isinstance(options, VariantOptions) else ()
        self._made = 0

    def first(self) -> Variant:
        """The concept at the stream's start."""
        return Variant(self._order[0] if self._order else 0)

    def fresh(self, now: Variant) -> Variant:
        """The next concept: the next one in the order, or one that was never there.

        Args:
            now: the concept that it comes after.
        """
        if self._order:
            return Variant(self._order[(self._order.index(now.number) + 1) % len(self._order)])
        self._made += 1
        return Variant(self._made)

    def way(self, now: Variant, samples: int) -> list[Variant]:
        """Centroids move in steps.

        Args:
            now: where they start.
            samples: samples for which they move.

        Returns:
            The steps, at most one a sample, and where they come to rest.
        """
        steps = min(samples, _STEPS)
        places = [now.moved + round(samples * number / (steps + 1)) for number in range(1, steps + 1)]
        return [replace(now, moved=place) for place in (*places, now.moved + samples)]


PATTERNS: Mapping[str, Fill[Variant, VariantMaker]] = {
    "none": none,
    "abrupt": abrupt,
    "gradual": gradual,
    "incremental": incremental,
    "recurring": recurring,
    "blips": blips,
}
"""The patterns by the names that the options give them; only what has centroids is given the incremental one."""


def make_variants(options: TabularOptions, seed: int) -> Schedule[Variant]:
    """Draw which concept each sample of a generated stream comes from.

    Args:
        options: length and patterns.
        seed: the stream's seed; the only source of randomness.

    Returns:
        The schedule.

    Raises:
        UsageError: segments too short for their pattern, or a window longer than half a segment.
    """
    check_room(options, options.samples)
    rng = stream_generator(seed, "drifts")
    maker = VariantMaker(options, rng)
    return lay_out(options, options.samples, PATTERNS, maker, maker.first(), rng)
