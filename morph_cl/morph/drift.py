"""The watch over a stream's novelty that a drift detector keeps; no torch here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from morph_cl.bridge.detector import DriftDetector


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
