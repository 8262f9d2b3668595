"""When a sleep is due; no torch here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from morph_cl.morph.options import MorphOptions

_CHANGES = ("merged", "pruned", "split", "calibrated")  # parts of a sleep's detail that tell of a change
_MOST_DOUBLINGS = 30


class SleepSchedule:
    """Decides after each training step whether to sleep.

    Steady, a sleep comes every ``sleep_every`` steps. Adaptive, it comes sooner the more experts there are than at the
    first sleep, and twice as late after each sleep in a row that changed nothing, from ``sleep_least`` to
    ``sleep_most`` steps after the last one.

    Args:
        options: ``sleep_every`` (0 is never), ``sleep_adaptive``, ``sleep_least`` and ``sleep_most``.
    """

    def __init__(self, options: MorphOptions) -> None:
        self.options = options
        self.base = 0  # experts at the first sleep
        self.last = 0  # training steps before the last sleep
        self.idle = 0  # sleeps in a row that changed nothing

    def interval(self, experts: int) -> int:
        """Steps from one sleep to the next.

        Args:
            experts: how many routed experts there are, at least 1.

        Returns:
            At least 1; 0 where no sleep is due, ever.
        """
        options = self.options
        if not options.sleep_adaptive:
            return options.sleep_every
        steps = options.sleep_every / max(1.0, 0.5 * experts / (self.base or experts)) * 2**self.idle
        return int(min(max(steps, options.sleep_least), options.sleep_most))

    def due(self, iteration: int, experts: int) -> bool:
        """Whether to sleep now.

        Args:
            iteration: training steps so far.
            experts: how many routed experts there are.
        """
        interval = self.interval(experts)
        if not self.options.sleep_adaptive:
            return interval > 0 and iteration % interval == 0
        return iteration - self.last >= interval

    def slept(self, iteration: int, experts: int, detail: Mapping[str, Any]) -> None:
        """Take in a sleep, whoever asked for it.

        Args:
            iteration: training steps before it.
            experts: how many routed experts there are after it.
            detail: what happened in it.
        """
        self.base = self.base or experts
        self.last = iteration
        changed = any(detail.get(change) for change in _CHANGES)
        self.idle = 0 if changed else min(self.idle + 1, _MOST_DOUBLINGS)

    def grown(self) -> None:
        """Take in that there is an expert more: the next sleep has something to judge."""
        self.idle = 0

    def export(self) -> dict[str, int]:
        """The counters."""
        return {"base": self.base, "last": self.last, "idle": self.idle}

    def load(self, state: Mapping[str, int]) -> None:
        """Take over exported counters.

        Args:
            state: what :meth:`export` returned.
        """
        self.base, self.last, self.idle = int(state["base"]), int(state["last"]), int(state["idle"])
