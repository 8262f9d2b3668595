"""What is done to a strategy where a drift is noticed, between two training steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from morph_cl.bridge.monitor_options import MonitorOptions
from morph_cl.bridge.strategy import start_anew


class Reaction:
    """Does nothing: the alarm is told in the run's events, and that is all."""

    def react(self, strategy: Any) -> bool:  # noqa: ARG002
        """Act on an alarm; whether anything was done.

        Args:
            strategy: the strategy, between two training steps.
        """
        return True

    def before_update(self, strategy: Any) -> None:
        """The optimizer is about to step."""

    def after_update(self, strategy: Any) -> None:
        """The optimizer has stepped."""

    def state_dict(self) -> dict[str, Any]:
        """What belongs into a checkpoint."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned.

        Args:
            state: that.
        """


class Reset(Reaction):
    """Puts fresh weights into the model and empties the optimizer's state.

    Args:
        build: builds the strategy as it was at the start, with other random weights.
    """

    def __init__(self, build: Callable[[], Any]) -> None:
        self.build = build

    def react(self, strategy: Any) -> bool:
        """Start anew."""
        fresh = self.build()
        getattr(strategy, "start_anew", lambda other: start_anew(strategy, other))(fresh)
        return True


class RaiseRate(Reaction):
    """Multiplies the learning rate, whatever it is at each step, by a factor that falls back to 1.

    Args:
        factor: the factor at the first step after an alarm, above 1.
        steps: over so many steps it falls to 1, by the same share each.
    """

    def __init__(self, factor: float, steps: int) -> None:
        self.factor = factor
        self.steps = steps
        self.left = 0
        self._rates: list[float] = []

    def react(self, strategy: Any) -> bool:  # noqa: ARG002
        """Begin, or begin anew."""
        self.left = self.steps
        return True

    def before_update(self, strategy: Any) -> None:
        """Raise the rate for one step: a strategy's own schedule never sees it."""
        if not self.left:
            return
        boost = self.factor ** (self.left / self.steps)
        self._rates = [group["lr"] for group in strategy.optimizer.param_groups]
        for group in strategy.optimizer.param_groups:
            group["lr"] *= boost

    def after_update(self, strategy: Any) -> None:
        """Put the rate back."""
        if not self.left:
            return
        for group, rate in zip(strategy.optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate
        self.left -= 1

    def state_dict(self) -> dict[str, Any]:
        """Steps left."""
        return {"left": self.left}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned.

        Args:
            state: that.
        """
        self.left = int(state["left"])


class Ask(Reaction):
    """Asks the strategy itself.

    Args:
        method: its method without arguments that tells whether it did anything.
    """

    def __init__(self, method: str) -> None:
        self.method = method

    def react(self, strategy: Any) -> bool:
        """Ask."""
        return bool(getattr(strategy, self.method)())


ASKED = {"grow": "grow_expert", "switch": "switch_context"}
"""The methods of a strategy that offers these actions."""


def make_reaction(action: str, options: MonitorOptions, build: Callable[[], Any]) -> Reaction:
    """The reaction of a name.

    Args:
        action: ``notify``, ``reset``, ``raise``, ``grow`` or ``switch``.
        options: ``factor`` and ``steps``.
        build: builds the strategy as it was at the start.

    Returns:
        The reaction.
    """
    if action in ASKED:
        return Ask(ASKED[action])
    if action == "reset":
        return Reset(build)
    return RaiseRate(options.factor, options.steps) if action == "raise" else Reaction()
