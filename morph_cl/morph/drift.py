"""Drift: the interface of detectors, and the watch over a stream's novelty that one of them keeps; no torch here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class DriftDetector(Protocol):
    """Watches a stream of figures for a rise.

    One detector watches one stream. Its state is plain data, so that a checkpoint can hold it.
    """

    @property
    def drift_detected(self) -> bool:
        """Whether the last figure made a drift."""

    def update(self, value: float) -> bool | None:
        """Take in one figure; what it returns is not read.

        Args:
            value: how new a batch is.
        """

    def reset(self) -> None:
        """Forget every figure."""

    def export(self) -> dict[str, Any]:
        """The state: numbers, texts, booleans, and lists and dictionaries of them."""

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over an exported state.

        Args:
            state: what :meth:`export` returned.
        """


class Watch:
    """A detector that rests after each growth.

    Args:
        detector: watches the novelty of batches.
        cooldown: batches after a growth that the detector is not told of.
    """

    def __init__(self, detector: DriftDetector, cooldown: int) -> None:
        self.detector = detector
        self.cooldown = cooldown
        self.quiet = 0

    def update(self, novelty: float) -> bool:
        """Take in one batch.

        Args:
            novelty: how new it is to the closest expert.

        Returns:
            Whether to grow now.
        """
        if self.quiet:
            self.quiet -= 1
            return False
        self.detector.update(novelty)
        return self.detector.drift_detected

    def grown(self) -> None:
        """Begin the cooldown."""
        self.detector.reset()
        self.quiet = self.cooldown

    def export(self) -> dict[str, Any]:
        """The batches left to rest, and the detector's state."""
        return {"quiet": self.quiet, "detector": self.detector.export()}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over an exported state.

        Args:
            state: what :meth:`export` returned.
        """
        self.quiet = int(state["quiet"])
        self.detector.load(state["detector"])
