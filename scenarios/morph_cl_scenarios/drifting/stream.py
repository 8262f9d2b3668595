"""A schedule and its samples as a stream."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from morph_cl import Blip, ExperienceData, HeldOut, OnlineStream, ScenarioRequest, Stream, make_online_stream
from morph_cl_scenarios.drifting.options import StreamOptions
from morph_cl_scenarios.drifting.schedule import Schedule
from morph_cl_scenarios.drifting.timeline import State
from morph_cl_scenarios.labels import class_label

Samples = tuple[Tensor, Tensor]
"""Images (N, C, H, W) and labels (N,)."""


def make_drifting_stream(
    request: ScenarioRequest,
    options: StreamOptions,
    schedule: Schedule[State],
    *,
    train: Samples,
    test: Callable[[int, int | None], Samples],
    classes: int,
) -> Stream:
    """Put a schedule, its samples and its test data together.

    Args:
        request: what was asked for.
        options: sizes of experiences and of what is held out.
        schedule: the concepts and drifts.
        train: the samples in their order.
        test: gives test data of a concept of the schedule, all or so many samples at most.
        classes: size of the label space.

    Returns:
        The stream; it is tested on the concept at its end.
    """
    online = OnlineStream(
        x=train[0],
        y=train[1],
        concept=torch.from_numpy(schedule.concept),
        drifts=schedule.drifts,
        classes=classes,
        blips=tuple(Blip(start=start, end=end) for start, end in schedule.blips),
        experience_size=options.experience_size,
        held_out=_held_out(options, schedule, test),
    )
    experience = ExperienceData(class_label(options.patterns), *train, *test(int(schedule.newer[-1]), None))
    detail = {
        "samples": len(online),
        "drifts": [drift.model_dump() for drift in schedule.drifts],
        "blips": [list(blip) for blip in schedule.blips],
    }
    return make_online_stream(request, experience, online, detail=detail)


def _held_out(
    options: StreamOptions, schedule: Schedule[State], test: Callable[[int, int | None], Samples]
) -> HeldOut | None:
    """Test data of each concept that a segment is in, numbered as they come."""
    if not options.held_out_every:
        return None
    segments = schedule.segment_concepts()
    different = list(dict.fromkeys(segments))
    return HeldOut(
        every=options.held_out_every,
        concepts=tuple(map(different.index, segments)),
        sets=tuple(test(concept, options.held_out_size) for concept in different),
    )
