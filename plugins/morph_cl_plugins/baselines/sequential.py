"""The two ends of the scale: training on each experience as it comes, and on everything so far."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from avalanche.training.supervised import Cumulative
from avalanche.training.templates import SupervisedTemplate
from torch import Tensor

from morph_cl import StrategyContext, TensorStrategy, TrainingOptions
from morph_cl_plugins.baselines.assembly import training_parts
from morph_cl_plugins.baselines.options import JointOptions


class Naive(TensorStrategy, SupervisedTemplate):
    """Fine-tuning: no defence against forgetting.

    Also the host of every baseline that is an Avalanche plugin.
    """


class Joint(TensorStrategy, Cumulative):
    """Training on the data of all experiences so far.

    Args:
        restart: whether each experience starts from the initial weights.
        **parts: what Avalanche's ``Cumulative`` takes.
    """

    state_attributes: ClassVar[tuple[str, ...]] = ("dataset", "initial_weights")

    def __init__(self, *, restart: bool, **parts: Any) -> None:
        super().__init__(**parts)
        self.initial_weights: dict[str, Tensor] = {}
        if restart:
            self.initial_weights = {name: p.detach().clone() for name, p in self.model.named_parameters()}

    def _before_training_exp(self, **kwargs: Any) -> None:
        super()._before_training_exp(**kwargs)
        if not self.initial_weights:
            return
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                parameter.copy_(self.initial_weights[name])
        self.optimizer.state.clear()


def build_naive(context: StrategyContext, options: TrainingOptions) -> Naive:
    """Build fine-tuning.

    Args:
        context: the stream and the loop.
        options: the network and its optimizer.

    Returns:
        The strategy.
    """
    return Naive(**training_parts(context, options))


def build_joint(context: StrategyContext, options: JointOptions) -> Joint:
    """Build cumulative training.

    Args:
        context: the stream and the loop.
        options: validated options.

    Returns:
        The strategy.
    """
    return Joint(restart=options.restart, **training_parts(context, options))
