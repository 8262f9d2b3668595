"""The patterns of drift: each fills its segment of the stream and says what holds at its end.

Kinds and their names follow Gama et al., A Survey on Concept Drift Adaptation, ACM Computing Surveys 2014; label-prior
shift and label swap are the virtual and the real drift of the same survey.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from morph_cl_scenarios.drifting.concepts import Concept, ConceptMaker, between, turn
from morph_cl_scenarios.drifting.timeline import Stretch, Timeline

Fill = Callable[[Timeline, Stretch, Concept, ConceptMaker], Concept]
"""Fills a segment that begins in a concept; returns the concept at its end."""

BLIPS = 3
"""Outliers of a segment of blips."""

_NOISE_STEPS = 20
"""Steps in which noise grows."""


def none(timeline: Timeline, segment: Stretch, now: Concept, maker: ConceptMaker) -> Concept:  # noqa: ARG001
    """Control: nothing changes."""
    timeline.hold(segment, now)
    return now


def gradual(timeline: Timeline, segment: Stretch, now: Concept, maker: ConceptMaker) -> Concept:
    """Samples of the new context come in ever more often among those of the old one."""
    new, window = maker.fresh(now), _window(segment, maker)
    timeline.hold(Stretch(segment.start, window.start), now)
    timeline.drift(window.start, window.stop, "gradual", new)
    timeline.mix(window, now, new)
    timeline.hold(Stretch(window.stop, segment.stop), new)
    return new


def incremental(timeline: Timeline, segment: Stretch, now: Concept, maker: ConceptMaker) -> Concept:
    """The angle turns, or noise grows, by small steps from the old context to the new one."""
    new, window = maker.fresh(now), _window(segment, maker)
    degrees = max(abs(turn(a, b)) for a, b in zip(now.angles, new.angles, strict=True))
    steps = min(len(window), max(round(degrees), _NOISE_STEPS))
    timeline.hold(Stretch(segment.start, window.start), now)
    timeline.drift(window.start, window.stop, "incremental", new)
    for number, stretch in enumerate(window.split(steps), start=1):
        timeline.hold(stretch, between(now, new, number / (steps + 1)))
    timeline.hold(Stretch(window.stop, segment.stop), new)
    return new


def recurring(timeline: Timeline, segment: Stretch, now: Concept, maker: ConceptMaker) -> Concept:
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


def blips(timeline: Timeline, segment: Stretch, now: Concept, maker: ConceptMaker) -> Concept:
    """Control: short runs of outliers that are no drifts; after each all is as before."""
    timeline.hold(segment, now)
    outlier, length = maker.fresh(now), maker.options.blip
    for part in segment.split(BLIPS):
        start = part.middle(maker.rng, length)
        timeline.blip(Stretch(start, start + length), outlier)
    return now


def _abrupt(kind: str, change: Callable[[ConceptMaker, Concept], Concept]) -> Fill:
    """A pattern in which one sample is of the old concept and the next of the new one."""

    def fill(timeline: Timeline, segment: Stretch, now: Concept, maker: ConceptMaker) -> Concept:
        new, start = change(maker, now), segment.middle(maker.rng)
        timeline.hold(Stretch(segment.start, start), now)
        timeline.drift(start, start, kind, new)
        timeline.hold(Stretch(start, segment.stop), new)
        return new

    return fill


def _window(segment: Stretch, maker: ConceptMaker) -> Stretch:
    width = maker.options.width or max(1, len(segment) // 5)
    start = segment.middle(maker.rng, width)
    return Stretch(start, start + width)


PATTERNS: Mapping[str, Fill] = {
    "none": none,
    "abrupt": _abrupt("abrupt", lambda maker, now: maker.fresh(now)),
    "gradual": gradual,
    "incremental": incremental,
    "recurring": recurring,
    "local": _abrupt("local", lambda maker, now: maker.local(now)),
    "prior": _abrupt("prior", lambda maker, now: maker.prior(now)),
    "swap": _abrupt("swap", lambda maker, now: maker.swap(now)),
    "noise": _abrupt("noise", lambda maker, now: maker.fresh(now, source="corruption")),
    "blips": blips,
}
"""The patterns by the names that the options give them."""
