"""Split tasks: the classes of a data set dealt out to experiences.

Source: van de Ven, Tuytelaars & Tolias, Three types of incremental learning (2022).
"""

from __future__ import annotations

import torch
from torch import Tensor

from morph_cl import ExperienceData, ImageData, ScenarioRequest, Stream, UsageError, make_stream
from morph_cl_scenarios.labels import class_label
from morph_cl_scenarios.options import SplitOptions
from morph_cl_scenarios.seeding import stream_generator


def class_tasks(options: SplitOptions, data: ImageData, seed: int) -> list[list[int]]:
    """Deal the classes out.

    Args:
        options: number of experiences and order of the classes.
        data: whose classes they are.
        seed: the stream's seed; the only source of randomness.

    Returns:
        The classes of each experience, in order, all lists of the same length.

    Raises:
        UsageError: the classes cannot be dealt out evenly, or the listed order is not all of them, each once.
    """
    classes = data.classes
    if classes % options.experiences:
        allowed = [str(count) for count in range(1, classes + 1) if classes % count == 0]
        raise UsageError(
            f"the {classes} classes of {data.name} cannot be split evenly into "
            f"experiences={options.experiences}; give one of {', '.join(allowed)}."
        )
    order = _class_order(options, classes, seed)
    if sorted(order) != list(range(classes)):
        raise UsageError(f"order={order} must list every class of {data.name} once: 0 to {classes - 1}.")
    size = classes // options.experiences
    return [order[start : start + size] for start in range(0, classes, size)]


def _class_order(options: SplitOptions, classes: int, seed: int) -> list[int]:
    if options.order == "seed":
        drawn: list[int] = stream_generator(seed, "classes").permutation(classes).tolist()
        return drawn
    if options.order == "ascending":
        return list(range(classes))
    return [int(number) for number in options.order]


def build(request: ScenarioRequest, options: SplitOptions) -> Stream:
    """Build a split stream.

    In the class and the task setting labels are those of the data set, and only in the task setting are there
    task labels. In the domain setting a label is the place of the class within its experience.

    Args:
        request: data, seed and setting.
        options: number of experiences and order of the classes.

    Returns:
        The stream; its detail holds the classes of each experience.

    Raises:
        UsageError: the classes cannot be dealt out as asked, or an experience would have no images.
    """
    data = request.data
    tasks = class_tasks(options, data, request.seed)
    experiences = [_experience(data, task, relabel=request.setting == "domain") for task in tasks]
    classes = len(tasks[0]) if request.setting == "domain" else data.classes
    return make_stream(request, experiences, classes=classes, detail={"class_tasks": tasks})


def _experience(data: ImageData, task: list[int], *, relabel: bool) -> ExperienceData:
    """The images of some classes, all of them, in the order of the data set."""
    train_x, train_y = _of_classes(data.train_x, data.train_y, task, relabel=relabel)
    test_x, test_y = _of_classes(data.test_x, data.test_y, task, relabel=relabel)
    label = class_label([data.class_names[number] for number in task])
    for split, y in (("training", train_y), ("test", test_y)):
        if not len(y):
            raise UsageError(
                f"{data.name} has no {split} images of {label}; choose fewer experiences or another order of classes."
            )
    return ExperienceData(label=label, train_x=train_x, train_y=train_y, test_x=test_x, test_y=test_y)


def _of_classes(x: Tensor, y: Tensor, task: list[int], *, relabel: bool) -> tuple[Tensor, Tensor]:
    rows = torch.isin(y, torch.tensor(task)).nonzero().squeeze(1)
    labels = y[rows]
    if relabel:
        place = torch.zeros(max(task) + 1, dtype=torch.int64)
        place[task] = torch.arange(len(task))
        labels = place[labels]
    return x[rows], labels
