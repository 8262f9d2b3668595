"""An exponential moving average of a model's weights, for evaluation only."""

from __future__ import annotations

from typing import Any

import torch
from avalanche.core import SupervisedPlugin
from torch import Tensor, nn

from morph_cl_plugins.baselines.options import AverageOptions

STRIDE = 16
"""Steps between two updates of an average in half precision."""

_DROPPED_BITS = 13
"""Bits of a float32 fraction that a float16 has no room for: 23 - 10."""


class WeightAverage(SupervisedPlugin):
    """Evaluates with averaged weights and trains on with the ordinary ones.

    The average exchanges places with the weights when an evaluation begins and again when it ends, so whatever
    copies the model in training copies the trained weights. The first steps count more, so that the initial weights
    are soon forgotten: the decay is at most (1 + t) / (10 + t) after t steps.

    Half precision cannot follow step by step: at a decay of .999 a step moves the average by less than the distance
    of two neighbouring numbers, and rounding to the nearest would undo it. So an average in half precision makes up for
    16 steps at once, and rounds up or down at random, right on average. The draws are its own: training does not
    notice.

    Args:
        decay: share of the average that a step keeps, in (0, 1).
        half: whether the average is stored in half precision.

    Source: Polyak & Juditsky, Acceleration of Stochastic Approximation by Averaging, 1992; Arani et al., Learning
    Fast, Learning Slow (CLS-ER), ICLR 2022, for its use in continual learning; Gupta et al., Deep Learning with
    Limited Numerical Precision, ICML 2015, for stochastic rounding.
    """

    def __init__(self, decay: float, *, half: bool = False) -> None:
        super().__init__()
        self.decay = decay
        self.half = half
        self.steps = 0
        self.kept = 1.0  # share of the average that the steps since its last update leave
        self.average: dict[str, Tensor] = {}

    @torch.no_grad()
    def after_update(self, strategy: Any, **_: Any) -> None:
        """Move the average towards the weights."""
        self.steps += 1
        self.kept *= min(self.decay, (1 + self.steps) / (10 + self.steps))
        if self.half and self.steps > STRIDE and self.steps % STRIDE:
            return
        draws = torch.Generator().manual_seed(self.steps)
        for name, parameter in strategy.model.named_parameters():
            if name in self.average:
                average = self.average[name].to(parameter.device, torch.float32).lerp_(parameter, 1 - self.kept)
            else:
                average = parameter.detach().clone()
            self.average[name] = round_to_half(average, draws) if self.half else average
        self.kept = 1.0

    def before_eval(self, strategy: Any, **_: Any) -> None:
        """Put the average in the place of the weights."""
        self._exchange(strategy.model, torch.float32)

    def after_eval(self, strategy: Any, **_: Any) -> None:
        """Put the weights back."""
        self._exchange(strategy.model, torch.float16 if self.half else torch.float32)

    @torch.no_grad()
    def _exchange(self, model: nn.Module, dtype: torch.dtype) -> None:
        """``dtype`` holds what the model gives away: weights need float32, a half average comes back as it went."""
        for name, parameter in model.named_parameters():
            if name in self.average:
                given = parameter.detach().to(dtype, copy=True)
                parameter.copy_(self.average[name])
                self.average[name] = given


def round_to_half(values: Tensor, draws: torch.Generator) -> Tensor:
    """Round to one of the two neighbours in half precision, to the nearer one with the greater probability.

    Args:
        values: float32, any shape.
        draws: where the random bits come from, on the CPU.

    Returns:
        float16 of the same shape, right on average for magnitudes from 6.1e-5 to 65,504; smaller ones are rounded to
        the nearest.
    """
    noise = torch.randint(1 << _DROPPED_BITS, values.shape, dtype=torch.int32, generator=draws).to(values.device)
    # To add below the last bit that stays, then to cut off, is to round up with the probability of what is cut off.
    bits = (values.view(torch.int32) + noise) >> _DROPPED_BITS << _DROPPED_BITS
    return bits.view(torch.float32).half()


def weight_average(options: AverageOptions) -> list[SupervisedPlugin]:
    """The average that the options ask for.

    Args:
        options: validated options.

    Returns:
        The plugin, or none.
    """
    return [] if options.ema is None else [WeightAverage(options.ema, half=options.ema_half)]
