"""How well confidences match accuracies."""

from __future__ import annotations

import math
from collections.abc import Sequence

from morph_cl.results.record import CalibrationBin


def expected_calibration_error(bins: Sequence[CalibrationBin]) -> float:
    """Expected calibration error: ``sum_b (n_b / n) |accuracy_b - confidence_b|``.

    Args:
        bins: confidence bins over the test data of the final model; empty bins count for nothing.

    Returns:
        A fraction in [0, 1], 0 where confidence is accuracy; NaN where there are no predictions.

    Source:
        Guo et al., On Calibration of Modern Neural Networks, ICML 2017, after Naeini et al., AAAI 2015.
    """
    filled = [part for part in bins if part.count]
    total = sum(part.count for part in filled)
    if not total:
        return math.nan
    return math.fsum(part.count / total * abs(part.accuracy - part.confidence) for part in filled)
