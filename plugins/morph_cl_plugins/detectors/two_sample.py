"""A two-sample test of densities on feature vectors: has the input changed? No label, no prediction, no torch here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist, pdist
from scipy.special import logsumexp
from scipy.stats import ks_2samp

from morph_cl_plugins.detectors.options import TwoSampleOptions

Array = NDArray[np.float64]


class TwoSample:
    """Compares the newest window of feature vectors with a reference window.

    Half of the reference makes a kernel density estimate; the log-densities of the other half and those of the newest
    window are compared by the exact two-sample Kolmogorov-Smirnov test. Where nothing changed the two are exchangeable,
    so a test alarms with a probability of at most ``alpha``, whatever the density: no permutation and no asymptotics.
    Windows do not overlap, so that makes at most ``1000 alpha / window`` false alarms in 1,000 samples on average.

    Args:
        options: ``reference``, ``window`` and ``alpha``.

    Source: Our own; the estimate is Parzen's (1962), the test that of N. V. Smirnov (1939).
    """

    def __init__(self, options: TwoSampleOptions) -> None:
        self.options = options
        self.reset()

    def reset(self) -> None:
        """Forget every vector."""
        self.reference: list[list[float]] = []
        self.window: list[list[float]] = []
        self.drift_detected = False
        self._held: Array | None = None
        self._bandwidth = 0.0

    def update(self, value: Sequence[float]) -> None:
        """Take in one vector; after a drift the test begins anew.

        Args:
            value: the features of one sample, as many as of every other.

        Raises:
            ValueError: another number of features than before, or one that is not finite.
        """
        if self.drift_detected:
            self.reset()
        vector = [float(part) for part in value]
        if not np.isfinite(vector).all():
            raise ValueError("a feature is not finite")
        if self.reference and len(vector) != len(self.reference[0]):
            raise ValueError(f"{len(vector)} features after {len(self.reference[0])}; give as many of every sample")
        if len(self.reference) < self.options.reference:
            self.reference.append(vector)
            return
        self.window.append(vector)
        if len(self.window) == self.options.window:
            self.drift_detected = self._differs(np.array(self.window))
            self.window = []

    def _differs(self, window: Array) -> bool:
        if self._held is None:
            base, held = self._halves()
            self._bandwidth = float(np.median(pdist(base))) or 1.0  # a constant input has no distances
            self._held = self._log_density(held, base)
        newest = self._log_density(window, self._halves()[0])
        return bool(ks_2samp(self._held, newest, method="exact").pvalue <= self.options.alpha)

    def _halves(self) -> tuple[Array, Array]:
        middle = len(self.reference) // 2
        reference = np.array(self.reference)
        return reference[:middle], reference[middle:]

    def _log_density(self, x: Array, base: Array) -> Array:
        """Log-densities (N,) of vectors (N, D) by Gaussian kernels on (M, D), up to a constant."""
        distances = cdist(x, base, "sqeuclidean")
        densities: Array = logsumexp(-distances / (2 * self._bandwidth**2), axis=1)
        return densities

    def export(self) -> dict[str, Any]:
        """Both windows."""
        return {"reference": self.reference, "window": self.window, "drift": self.drift_detected}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over exported windows.

        Args:
            state: what :meth:`export` returned.
        """
        self.reset()
        self.reference = [list(vector) for vector in state["reference"]]
        self.window = [list(vector) for vector in state["window"]]
        self.drift_detected = bool(state["drift"])
