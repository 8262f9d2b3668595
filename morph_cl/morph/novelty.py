"""The detector that MORPH uses by itself: enough novel batches in a row; no torch here."""

from __future__ import annotations

from collections.abc import Mapping

from morph_cl.morph.options import NoveltyOptions


class NoveltyDetector:
    """Counts novel batches in a row.

    Args:
        threshold: a batch above it is novel.
        patience: novel batches in a row that make a drift.
    """

    def __init__(self, threshold: float, patience: int) -> None:
        self.threshold = threshold
        self.patience = patience
        self.streak = 0

    @property
    def drift_detected(self) -> bool:
        """Whether the last batches in a row were novel."""
        return self.streak >= self.patience

    def update(self, value: float) -> bool:
        """Take in one batch.

        Args:
            value: how new it is.

        Returns:
            Whether that makes a drift.
        """
        self.streak = self.streak + 1 if value > self.threshold else 0
        return self.drift_detected

    def reset(self) -> None:
        """Begin to count anew."""
        self.streak = 0

    def export(self) -> dict[str, float]:
        """The counter, and the threshold: meta-learning moves it."""
        return {"streak": self.streak, "threshold": self.threshold}

    def load(self, state: Mapping[str, float]) -> None:
        """Take over an exported counter and threshold.

        Args:
            state: what :meth:`export` returned.
        """
        self.streak, self.threshold = int(state["streak"]), float(state["threshold"])


def build(options: NoveltyOptions) -> NoveltyDetector:
    """Build the detector.

    Args:
        options: threshold and patience.

    Returns:
        The detector.
    """
    return NoveltyDetector(options.threshold, options.patience)
