"""Detectors that detect nothing: what any other one must be compared with. Their figures are positions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from morph_cl_plugins.detectors.options import OracleOptions, PeriodicOptions


class _Clock(ABC):
    """Alarms by the position alone. It is a clock: a reset ends the alarm and turns nothing back."""

    def __init__(self) -> None:
        self.last = 0.0
        self.drift_detected = False

    def update(self, value: float) -> None:
        """Take in a position.

        Args:
            value: training samples before this one.
        """
        self.drift_detected = self._passed(self.last, value)
        self.last = value

    @abstractmethod
    def _passed(self, last: float, now: float) -> bool:
        """Whether an alarm is due after the position ``last``, up to ``now``."""

    def reset(self) -> None:
        """End the alarm."""
        self.drift_detected = False

    def export(self) -> dict[str, float]:
        """The last position, and whether it made an alarm."""
        return {"last": self.last, "drift": self.drift_detected}

    def load(self, state: Mapping[str, float]) -> None:
        """Take over an exported state.

        Args:
            state: what :meth:`export` returned.
        """
        self.last, self.drift_detected = float(state["last"]), bool(state["drift"])


class Oracle(_Clock):
    """Alarms at the true drifts, which it is told.

    Args:
        options: ``at``.
    """

    def __init__(self, options: OracleOptions) -> None:
        super().__init__()
        self.at = options.at

    def _passed(self, last: float, now: float) -> bool:
        return any(last < point <= now for point in self.at)


class Periodic(_Clock):
    """Alarms every so many samples.

    Args:
        options: ``every``.
    """

    def __init__(self, options: PeriodicOptions) -> None:
        super().__init__()
        self.every = options.every

    def _passed(self, last: float, now: float) -> bool:
        return now // self.every > last // self.every
