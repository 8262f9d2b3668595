"""An exponential moving average of a model's weights, for evaluation only."""

from __future__ import annotations

from typing import Any

import torch
from avalanche.core import SupervisedPlugin
from torch import Tensor, nn


class WeightAverage(SupervisedPlugin):
    """Evaluates with averaged weights and trains on with the ordinary ones.

    The average exchanges places with the weights when an evaluation begins and again when it ends, so whatever
    copies the model in training copies the trained weights. The first steps count more, so that the initial weights
    are soon forgotten: the decay is at most (1 + t) / (10 + t) after t steps.

    Args:
        decay: share of the average that a step keeps, in (0, 1).

    Source: Polyak & Juditsky, Acceleration of Stochastic Approximation by Averaging, 1992; Arani et al., Learning
    Fast, Learning Slow (CLS-ER), ICLR 2022, for its use in continual learning.
    """

    def __init__(self, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.steps = 0
        self.average: dict[str, Tensor] = {}

    @torch.no_grad()
    def after_update(self, strategy: Any, **_: Any) -> None:
        """Move the average towards the weights."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for name, parameter in strategy.model.named_parameters():
            if name in self.average:
                self.average[name] = self.average[name].to(parameter.device).lerp_(parameter, 1 - decay)
            else:
                self.average[name] = parameter.detach().clone()

    def before_eval(self, strategy: Any, **_: Any) -> None:
        """Put the average in the place of the weights."""
        self._exchange(strategy.model)

    def after_eval(self, strategy: Any, **_: Any) -> None:
        """Put the weights back."""
        self._exchange(strategy.model)

    @torch.no_grad()
    def _exchange(self, model: nn.Module) -> None:
        for name, parameter in model.named_parameters():
            if name in self.average:
                weights = parameter.detach().clone()
                parameter.copy_(self.average[name])
                self.average[name] = weights
