"""A stationary stream: one experience, for what a learner reaches without any change."""

from __future__ import annotations

from morph_cl import ExperienceData, ScenarioRequest, Stream, make_stream
from morph_cl_scenarios.options import SingleOptions
from morph_cl_scenarios.subsets import training_subsets


def build(request: ScenarioRequest, options: SingleOptions) -> Stream:
    """Build a stream of one experience that holds every class.

    Args:
        request: data, seed and setting.
        options: number of training images.

    Returns:
        The stream.

    Raises:
        UsageError: ``train_size`` is larger than the data.
    """
    data = request.data
    subsets = training_subsets(request, options, 1)
    train_x, train_y = subsets.take(0)
    experience = ExperienceData(
        label="all classes", train_x=train_x, train_y=train_y, test_x=data.test_x, test_y=data.test_y
    )
    return make_stream(request, [experience], classes=data.classes, detail=subsets.detail)
