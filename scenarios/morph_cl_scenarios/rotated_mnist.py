"""Rotated MNIST: the same classes in every experience, at another angle.

Source: Lopez-Paz & Ranzato, Gradient Episodic Memory (2017); Buzzega et al., Dark Experience (2020) for
angles drawn independently.
"""

from __future__ import annotations

from morph_cl import ExperienceData, ScenarioRequest, Stream, make_stream
from morph_cl_scenarios.labels import angle_label, unique_labels
from morph_cl_scenarios.options import DEFAULT_MAX_ANGLE, DEFAULT_ROTATIONS, RotatedOptions
from morph_cl_scenarios.pixels import rotation_source, take_pixels
from morph_cl_scenarios.seeding import stream_generator
from morph_cl_scenarios.subsets import training_subsets


def stream_angles(options: RotatedOptions, seed: int) -> list[float]:
    """The angle of each experience.

    Args:
        options: given angles, or how to spread them.
        seed: the stream's seed; the only source of randomness.

    Returns:
        Degrees, one an experience, in the order of the stream.
    """
    if options.angles is not None:
        return list(options.angles)
    count = options.experiences or DEFAULT_ROTATIONS
    limit = options.max_angle or DEFAULT_MAX_ANGLE
    rng = stream_generator(seed, "angles")
    if options.spread == "random":
        return [limit * float(draw) for draw in rng.random(count)]
    if options.spread == "sorted":
        return [limit * (number + float(draw)) / count for number, draw in enumerate(rng.random(count))]
    return [limit * number / count for number in range(count)]


def build(request: ScenarioRequest, options: RotatedOptions) -> Stream:
    """Build a rotated stream: nearest interpolation on the images as stored, pixels from outside black.

    Args:
        request: data, seed and setting.
        options: angles and sizes.

    Returns:
        The stream; its detail holds the angles.

    Raises:
        UsageError: ``train_size`` is larger than the data.
    """
    data = request.data
    _, height, width = data.input_shape
    angles = stream_angles(options, request.seed)
    subsets = training_subsets(request, options, len(angles))
    experiences = []
    for number, (angle, label) in enumerate(zip(angles, unique_labels(map(angle_label, angles)), strict=True)):
        source = rotation_source(angle, height, width)
        train_x, train_y = subsets.take(number)
        experiences.append(
            ExperienceData(
                label=label,
                train_x=take_pixels(train_x, source),
                train_y=train_y,
                test_x=take_pixels(data.test_x, source),
                test_y=data.test_y,
            )
        )
    return make_stream(request, experiences, classes=data.classes, detail={"angles": angles, **subsets.detail})
