"""Calls of plugins in the midst of an epoch, without those that do nothing.

Avalanche calls every plugin at every point of every step. Most inherit an empty method there, and the evaluator that it
attaches even to a strategy without metrics copies the experience each time: at batches of 10 that was a third of
training.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from avalanche.training.plugins import EvaluationPlugin
from avalanche.training.templates.base_sgd import BaseSGDTemplate

EVENTS = (
    "before_training_iteration",
    "before_forward",
    "after_forward",
    "before_backward",
    "after_backward",
    "before_update",
    "after_update",
    "after_training_iteration",
    "before_eval_iteration",
    "before_eval_forward",
    "after_eval_forward",
    "after_eval_iteration",
)
"""The points of a step, of training and of evaluation."""

Listener = Callable[..., object]


class SparingCallbacks:
    """Calls at each point of a step only the plugins that do something there, in their order.

    Who does is looked up anew when an experience begins, and when the list of plugins is another.
    """

    _listeners: dict[str, tuple[list[Any], list[Listener]]]

    def _forget_listeners(self) -> None:
        """Look up anew who listens."""
        self._listeners = {}

    def _call(self, event: str, **kwargs: Any) -> None:
        strategy: Any = self
        known = strategy.__dict__.setdefault("_listeners", {})
        seen = known.get(event)
        if seen is None or seen[0] != strategy.plugins:
            heard = [getattr(plugin, event) for plugin in strategy.plugins if acts(plugin, event)]
            known[event] = seen = list(strategy.plugins), heard
        for listener in seen[1]:
            listener(strategy, **kwargs)


def acts(plugin: Any, event: str) -> bool:
    """Whether a plugin does anything at a point of a step.

    Args:
        plugin: any Avalanche plugin.
        event: one of :data:`EVENTS`.
    """
    if type(plugin) is EvaluationPlugin:
        return bool(plugin.metrics or plugin.loggers)
    method = getattr(plugin, event, None)
    # Avalanche's own base classes define every method, empty.
    return method is not None and getattr(method, "__module__", "") != "avalanche.core"


def _sparing(event: str) -> Callable[..., None]:
    name = f"_{event}"
    stock = getattr(BaseSGDTemplate, name)

    def call(self: Any, **kwargs: Any) -> None:
        below = getattr(super(SparingCallbacks, self), name)
        if below.__func__ is stock:
            self._call(event, **kwargs)
        else:  # a template that does more than calling plugins
            below(**kwargs)

    call.__name__ = name
    call.__doc__ = f"Call the plugins that do something at {event}."
    return call


for _event in EVENTS:
    setattr(SparingCallbacks, f"_{_event}", _sparing(_event))
