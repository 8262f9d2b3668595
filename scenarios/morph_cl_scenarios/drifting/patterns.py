"""The patterns of drift: each fills its segment of the stream and says what holds at its end.

Kinds and their names follow Gama et al., A Survey on Concept Drift Adaptation, ACM Computing Surveys 2014; label-prior
shift and label swap are the virtual and the real drift of the same survey.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

import numpy as np

from morph_cl_scenarios.drifting.concepts import Concept, ConceptMaker
from morph_cl_scenarios.drifting.options import StreamOptions
from morph_cl_scenarios.drifting.timeline import State, Stretch, Timeline


class Maker(Protocol[State]):
    """Makes the concepts of a stream."""

    @property
    def options(self) -> StreamOptions:
        """How the patterns are laid out."""

    @property
    def rng(self) -> np.random.Generator:
        """Draws where drifts lie."""

    def fresh(self, now: State, /) -> State:
        """The concept of the next drift."""


class Mover(Maker[State], Protocol[State]):
    """Makes concepts that one can go over to by small steps."""

    def way(self, now: State, samples: int, /) -> list[State]:
        """The steps from a concept to the next one, which comes last."""


Made = TypeVar("Made")
Fill = Callable[[Timeline[State], Stretch, State, Made], State]
"""Fills a segment that begins in a concept; returns the concept at its end."""

BLIPS = 3
"""Outliers of a segment of blips."""


def none(timeline: Timeline[State], segment: Stretch, now: State, maker: object) -> State:  # noqa: ARG001
    """Control: nothing changes."""
    timeline.hold(segment, now)
    return now


def gradual(timeline: Timeline[State], segment: Stretch, now: State, maker: Maker[State]) -> State:
    """Samples of the new context come in ever more often among those of the old one."""
    new, window = maker.fresh(now), _window(segment, maker)
    timeline.hold(Stretch(segment.start, window.start), now)
    timeline.drift(window.start, window.stop, "gradual", new)
    timeline.mix(window, now, new)
    timeline.hold(Stretch(window.stop, segment.stop), new)
    return new


def incremental(timeline: Timeline[State], segment: Stretch, now: State, maker: Mover[State]) -> State:
    """The concept turns by small steps from the old context into the new one."""
    window = _window(segment, maker)
    *steps, new = maker.way(now, len(window))
    timeline.hold(Stretch(segment.start, window.start), now)
    timeline.drift(window.start, window.stop, "incremental", new)
    for stretch, step in zip(window.split(len(steps)), steps, strict=True):
        timeline.hold(stretch, step)
    timeline.hold(Stretch(window.stop, segment.stop), new)
    return new


def recurring(timeline: Timeline[State], segment: Stretch, now: State, maker: Maker[State]) -> State:
    """Contexts take turns: each comes, and then each comes back."""
    contexts = [now]
    while len(contexts) < maker.options.contexts:
        contexts.append(maker.fresh(contexts[-1]))
    stretches = segment.split(2 * len(contexts))
    jitter = len(segment) // (2 * len(contexts)) // 5
    bounds = [segment.start, *(part.start + int(maker.rng.integers(-jitter, jitter + 1)) for part in stretches[1:])]
    for number, (start, stop) in enumerate(zip(bounds, [*bounds[1:], segment.stop], strict=True)):
        context = contexts[number % len(contexts)]
        if number:
            timeline.drift(start, start, "recurring" if timeline.met(context) else "abrupt", context)
        timeline.hold(Stretch(start, stop), context)
    return contexts[-1]


def blips(timeline: Timeline[State], segment: Stretch, now: State, maker: Maker[State]) -> State:
    """Control: short runs of outliers that are no drifts; after each all is as before."""
    timeline.hold(segment, now)
    outlier, length = maker.fresh(now), maker.options.blip
    for part in segment.split(BLIPS):
        start = part.middle(maker.rng, length)
        timeline.blip(Stretch(start, start + length), outlier)
    return now


def abrupt(timeline: Timeline[State], segment: Stretch, now: State, maker: Maker[State]) -> State:
    """One sample is of the old context and the next of the new one."""
    return _sudden(timeline, segment, now, maker.fresh(now), "abrupt", maker.rng)


def _changing(kind: str, change: Callable[[ConceptMaker, Concept], Concept]) -> Fill[Concept, ConceptMaker]:
    """A pattern in which something else than the source changes from one sample to the next."""

    def fill(timeline: Timeline[Concept], segment: Stretch, now: Concept, maker: ConceptMaker) -> Concept:
        return _sudden(timeline, segment, now, change(maker, now), kind, maker.rng)

    return fill


def _sudden(
    timeline: Timeline[State], segment: Stretch, now: State, new: State, kind: str, rng: np.random.Generator
) -> State:
    start = segment.middle(rng)
    timeline.hold(Stretch(segment.start, start), now)
    timeline.drift(start, start, kind, new)
    timeline.hold(Stretch(start, segment.stop), new)
    return new


def _window(segment: Stretch, maker: Maker[State]) -> Stretch:
    width = maker.options.width or max(1, len(segment) // 5)
    start = segment.middle(maker.rng, width)
    return Stretch(start, start + width)


PATTERNS: Mapping[str, Fill[Concept, ConceptMaker]] = {
    "none": none,
    "abrupt": abrupt,
    "gradual": gradual,
    "incremental": incremental,
    "recurring": recurring,
    "local": _changing("local", lambda maker, now: maker.local(now)),
    "prior": _changing("prior", lambda maker, now: maker.prior(now)),
    "swap": _changing("swap", lambda maker, now: maker.swap(now)),
    "noise": _changing("noise", lambda maker, now: maker.fresh(now, source="corruption")),
    "blips": blips,
}
"""The patterns of images by the names that the options give them."""
