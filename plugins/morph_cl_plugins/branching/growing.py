"""The course of an experience: the parent learns, is frozen, and branches grow on it level by level."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from morph_cl import Event
from morph_cl_plugins.branching.closing import Mask, set_temperature, set_thresholds
from morph_cl_plugins.branching.groups import Growth, plan_growth
from morph_cl_plugins.branching.model import BranchedModel
from morph_cl_plugins.branching.stages import Stage, split_stages

Batches = Callable[[], Iterator[tuple[Tensor, Tensor, Tensor]]]
"""Reads images (B, C, H, W), classes (B,) and task labels (B,) from the start."""


@dataclass(frozen=True)
class Lesson:
    """An experience to learn.

    Args:
        number: its index.
        present: its classes.
        steps: training steps.
        iteration: training iterations since the start of the run.
        own: what may be trained on.
        held: what is held out.
    """

    number: int
    present: list[int]
    steps: int
    iteration: Callable[[], int]
    own: Batches
    held: Batches


class Grower:
    """Knows what is in training, freezes it when its time is over, and grows what comes next.

    Args:
        network: the model.
        groups: disjoint groups of classes, one branch each.

    Attributes:
        open: the branches in training; while there are none it is the parent.
        events: what happened, oldest first.
    """

    def __init__(self, network: BranchedModel, groups: tuple[tuple[int, ...], ...]) -> None:
        self.network = network
        self.groups = groups
        self.open: list[int] = []
        self.events: list[Event] = []
        self._levels: list[list[Growth]] = []
        self._grown: list[int] = []

    def plan(self, lesson: Lesson) -> list[Stage]:
        """Decide what grows from an experience, and when."""
        network, options = self.network, self.network.options
        parent = lesson.number < options.parent_experiences
        grows = not parent or (network.beside_parent and lesson.number == options.parent_experiences - 1)
        self._levels = plan_growth(self.groups, options.nested, lesson.present) if grows else []
        self.open, self._grown = [], []
        share = None if not parent else options.branch_share if grows else 0.0
        return split_stages(lesson.steps, len(self._levels), share)

    def begin(self, stage: Stage, lesson: Lesson) -> list[nn.Parameter]:
        """Enter a stage.

        Args:
            stage: one that :meth:`plan` returned.
            lesson: the experience.

        Returns:
            The parameters to train.
        """
        network = self.network
        if not stage.level:
            if not bool(network.trained.any()):
                network.parent.standardise.fit(x for x, _, _ in lesson.own())
            return list(network.parent.parameters())
        self._freeze(lesson)
        for growth in self._levels[stage.level - 1]:
            self._grow(growth, lesson)
        return [parameter for number in self.open for parameter in network.branch(number).parameters()]

    def _grow(self, growth: Growth, lesson: Lesson) -> None:
        network = self.network
        host = 0 if growth.host is None else self._grown[growth.host]
        number = network.grow(growth.classes, host, lesson.number)
        branch = network.branch(number)
        branch.standardise.fit(
            network.features(x[own], host)
            for x, y, _ in lesson.own()
            if bool((own := torch.isin(y, branch.classes)).any())
        )
        self._grown.append(number)
        self.open.append(number)
        on = f"branch {host}" if host else "parent"
        self._tell("growth", lesson, {"expert": number, "classes": list(growth.classes), "on": on})

    def _freeze(self, lesson: Lesson) -> None:
        """Freeze what was in training, and choose its temperature."""
        network = self.network
        if not network.parent.frozen:
            network.trained[lesson.present] = True
            if lesson.number >= network.options.parent_experiences - 1:
                network.parent.freeze()
                set_temperature(network, 0, lesson.held())
        for number in self.open:
            network.branch(number).freeze()
            set_temperature(network, number, lesson.held())
        self.open = []

    def end(self, lesson: Lesson, mask: Mask) -> None:
        """End an experience: freeze, learn the densities that routing needs, choose thresholds.

        Thresholds come last: they are judged by what routing sends to each expert.
        """
        self._freeze(lesson)
        network = self.network
        if not network.parent.frozen:
            return
        network.eval()
        if network.routing == "density":
            self._add_densities(lesson)
        numbers = list(range(len(network))) if network.beside_parent or not self._grown else self._grown
        coverage = set_thresholds(network, numbers, lesson.held(), mask)
        for number in numbers:
            expert = network.expert(number)
            chosen = {"temperature": float(expert.temperature), "threshold": float(expert.threshold)}
            self._tell("calibration", lesson, {"expert": number, **chosen, "validation_coverage": coverage[number]})

    def _add_densities(self, lesson: Lesson) -> None:
        """Those of the branches on the parent; where none grew, of the parent."""
        network = self.network
        for number in [number for number in self._grown if not network.branch(number).host] or [0]:
            features = ((network.density_features(x), y) for x, y, _ in lesson.own())
            network.densities.add(number, network.expert(number).classes.tolist(), features)

    def _tell(self, kind: str, lesson: Lesson, detail: dict[str, Any]) -> None:
        event = Event(kind=kind, experience=lesson.number, iteration=lesson.iteration(), detail=detail)
        self.events.append(event)
