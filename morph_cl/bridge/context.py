"""What the builder of a strategy is told."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from avalanche.core import SupervisedPlugin
from torch import nn

from morph_cl.catalog import load_catalog

DetectorBuilder = Callable[[str, Mapping[str, Any]], Any]
"""Builds a registered drift detector from its name and options."""

ExpertBuilder = Callable[[str, Mapping[str, Any] | None], nn.Module]
"""Builds a registered expert for this stream from its name and options."""


def _installed_detector(name: str, options: Mapping[str, Any]) -> Any:
    return load_catalog().build_detector(name, options)


@dataclass(frozen=True)
class StrategyContext:
    """The stream and the training loop that a strategy is built for.

    Args:
        input_shape: (C, H, W) of an image.
        classes: size of the label space.
        experiences: how many experiences there will be. For sizing tables of task masks only: a learner that is said
            to be boundary-free must not use it.
        setting: ``class``, ``domain`` or ``task``.
        epochs: passes over each experience.
        batch_size: samples a training step.
        eval_batch_size: samples an evaluation step.
        device: where tensors live.
        seed: the run's seed; torch's global generator is already seeded with it.
        build_expert: builds any registered expert, with the options that the user gave for it.
        build_detector: builds any registered drift detector; the options that the user gave for it win.
        plugins: Avalanche plugins that the user attached; pass them on to the strategy.
        expert_options: names the options of a registered expert: which of them ``build_expert`` may be given.
    """

    input_shape: tuple[int, int, int]
    classes: int
    experiences: int
    setting: str
    epochs: int
    batch_size: int
    eval_batch_size: int
    device: str
    seed: int
    build_expert: ExpertBuilder
    build_detector: DetectorBuilder = _installed_detector
    plugins: Sequence[SupervisedPlugin] = field(default_factory=tuple)
    expert_options: Callable[[str], Collection[str]] = lambda _name: ()

    def loop(self) -> dict[str, Any]:
        """The keyword arguments that every Avalanche strategy takes for its loop, without model and optimizer."""
        return {
            "train_mb_size": self.batch_size,
            "train_epochs": self.epochs,
            "eval_mb_size": self.eval_batch_size,
            "device": self.device,
            "plugins": list(self.plugins),
            "evaluator": None,
        }
