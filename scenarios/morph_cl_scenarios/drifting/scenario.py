"""Drifting streams as a scenario: one test-then-train stream over any data set."""

from __future__ import annotations

from morph_cl import ScenarioRequest, Stream, UsageError
from morph_cl_scenarios.drifting.compose import Composer, draw_images
from morph_cl_scenarios.drifting.options import DriftingOptions
from morph_cl_scenarios.drifting.schedule import make_schedule
from morph_cl_scenarios.drifting.stream import make_drifting_stream


def stream_samples(options: DriftingOptions, available: int) -> int:
    """How long the stream is.

    Args:
        options: the length, and whether the shares of the classes drift.
        available: training images.

    Returns:
        Samples.
    """
    if options.samples is not None:
        return options.samples
    return available // 2 if options.source == "classes" or "prior" in options.patterns else available


def build(request: ScenarioRequest, options: DriftingOptions) -> Stream:
    """Build a drifting stream.

    Args:
        request: data, seed and setting.
        options: the patterns and what drifts in them.

    Returns:
        A stream of one experience with ``online`` set; it is tested on test images of the concept at its end.

    Raises:
        UsageError: the data cannot fill the stream, or a segment cannot hold its pattern.
    """
    data = request.data
    if data.classes < 2:
        raise UsageError(f"{data.name} has one class; a drifting stream needs at least two.")
    samples = stream_samples(options, len(data.train_y))
    schedule = make_schedule(options, samples, data.classes, request.seed)
    rows = draw_images(schedule, data.train_y, data.classes, request.seed)
    composer = Composer(schedule, data, request.seed)
    return make_drifting_stream(
        request,
        options,
        schedule,
        train=composer.stream(rows),
        test=composer.test,
        classes=data.classes,
    )
