"""When a sleep is due: after a training step, and when an experience ends; no torch here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from morph_cl.morph.options import MorphOptions

_CHANGES = ("merged", "pruned", "split", "calibrated")  # parts of a sleep's detail that tell of a change
_COUNTERS = ("base", "last", "idle", "met", "since", "fresh")
_MOST_DOUBLINGS = 30


class SleepSchedule:
    """Decides after each training step, and at the end of an experience, whether to sleep.

    When an experience ends, sleep is due where an expert was added since the last one, or where what has come since is
    at least ``sleep_share`` of all that came before it: a sleep looks at samples of the whole past, so the longer that
    is the fewer sleeps keep its cost from growing.

    After steps, a steady sleep comes every ``sleep_every`` of them. An adaptive one comes sooner the more experts there
    are than at the first sleep, and twice as late after each sleep in a row that changed nothing, from ``sleep_least``
    to ``sleep_most`` steps after the last one.

    Args:
        options: ``sleep_share``; ``sleep_every`` (0 is never), ``sleep_adaptive``, ``sleep_least`` and ``sleep_most``.
    """

    def __init__(self, options: MorphOptions) -> None:
        self.options = options
        self.base = 0  # experts at the first sleep
        self.last = 0  # training steps before the last sleep
        self.idle = 0  # sleeps in a row that changed nothing
        self.met = 0  # samples of experiences that have ended
        self.since = 0  # of them, after the last sleep
        self.fresh = 0  # experts added after the last sleep

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

    def took(self, samples: int) -> None:
        """Take in the end of an experience.

        Args:
            samples: how many it had.
        """
        self.met += samples
        self.since += samples

    @property
    def rests(self) -> bool:
        """Whether to sleep at the end of an experience."""
        return self.fresh > 0 or self.since >= self.options.sleep_share * (self.met - self.since)

    def slept(self, iteration: int, experts: int, detail: Mapping[str, Any]) -> None:
        """Take in a sleep, whoever asked for it.

        Args:
            iteration: training steps before it.
            experts: how many routed experts there are after it.
            detail: what happened in it.
        """
        self.base = self.base or experts
        self.last = iteration
        self.since = self.fresh = 0
        changed = any(detail.get(change) for change in _CHANGES)
        self.idle = 0 if changed else min(self.idle + 1, _MOST_DOUBLINGS)

    def grown(self) -> None:
        """Take in that there is an expert more: the next sleep has something to judge."""
        self.idle = 0
        self.fresh += 1

    def export(self) -> dict[str, int]:
        """The counters."""
        return {name: getattr(self, name) for name in _COUNTERS}

    def load(self, state: Mapping[str, int]) -> None:
        """Take over exported counters.

        Args:
            state: what :meth:`export` returned.
        """
        for name in _COUNTERS:
            setattr(self, name, int(state.get(name, 0)))  # states from before experiences were counted lack some
