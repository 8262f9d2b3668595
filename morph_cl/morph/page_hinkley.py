"""The Page-Hinkley test for a rise of a mean; no torch here."""

from __future__ import annotations

from collections.abc import Mapping

from morph_cl.morph.options import PageHinkleyOptions


class PageHinkley:
    """Sums how far the figures lie above their running mean and tells when that sum has risen enough.

    Args:
        options: ``delta``, ``threshold`` and ``warmup``.

    Source: E. S. Page, Continuous inspection schemes, Biometrika 41, 1954.
    """

    def __init__(self, options: PageHinkleyOptions) -> None:
        self.options = options
        self.reset()

    def reset(self) -> None:
        """Forget every figure."""
        self.count, self.mean, self.total, self.least = 0, 0.0, 0.0, 0.0

    @property
    def drift_detected(self) -> bool:
        """Whether the sum has risen by more than the threshold since it was least."""
        return self.count >= self.options.warmup and self.total - self.least > self.options.threshold

    def update(self, value: float) -> bool:
        """Take in one figure; after a drift the test begins anew.

        Args:
            value: the figure.

        Returns:
            Whether that makes a drift.
        """
        if self.drift_detected:
            self.reset()
        self.count += 1
        self.mean += (value - self.mean) / self.count
        self.total += value - self.mean - self.options.delta
        self.least = min(self.least, self.total)
        return self.drift_detected

    def export(self) -> dict[str, float]:
        """The running figures."""
        return {"count": self.count, "mean": self.mean, "total": self.total, "least": self.least}

    def load(self, state: Mapping[str, float]) -> None:
        """Take over exported figures.

        Args:
            state: what :meth:`export` returned.
        """
        self.count, self.mean = int(state["count"]), float(state["mean"])
        self.total, self.least = float(state["total"]), float(state["least"])
