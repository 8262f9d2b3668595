"""A learning rate that falls while an experience is learned."""

from __future__ import annotations

from typing import Any

from avalanche.core import SupervisedPlugin

_LEAST = 0.05


class LinearDecay(SupervisedPlugin):
    """Lowers the learning rate step by step to a twentieth; the next experience starts from the full one.

    Args:
        rate: the full learning rate.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.steps = 1

    def before_training_exp(self, strategy: Any, **_: Any) -> None:
        """Count the steps to come."""
        self.steps = max(1, len(strategy.dataloader) * strategy.train_epochs)

    def before_update(self, strategy: Any, **_: Any) -> None:
        """Set the rate of this step."""
        done = min(strategy.clock.train_exp_iterations / self.steps, 1.0)
        for group in strategy.optimizer.param_groups:
            group["lr"] = self.rate * (1 - (1 - _LEAST) * done)
