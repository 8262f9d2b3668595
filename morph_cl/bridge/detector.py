"""The interfaces of drift detectors; no torch here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class _Detector(Protocol):
    """Watches one stream. Its state is plain data, so that a checkpoint can hold it."""

    @property
    def drift_detected(self) -> bool:
        """Whether the last figure made a drift."""

    def reset(self) -> None:
        """Forget every figure."""

    def export(self) -> dict[str, Any]:
        """The state: numbers, texts, booleans, and lists and dictionaries of them."""

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over an exported state.

        Args:
            state: what :meth:`export` returned.
        """


class DriftDetector(_Detector, Protocol):
    """Watches a stream of figures for a rise: higher is worse."""

    def update(self, value: float) -> bool | None:
        """Take in one figure; what it returns is not read.

        Args:
            value: a figure of a kind that its record names in ``watches``.
        """


class FeatureDetector(_Detector, Protocol):
    """Watches a stream of feature vectors for a change; its record watches ``features`` alone."""

    def update(self, value: Sequence[float]) -> bool | None:
        """Take in the features of one sample; what it returns is not read.

        Args:
            value: as many numbers for every sample.
        """
