"""A mean over seeds and its confidence interval.

SciPy would do, but importing its statistics takes most of the second that a comparison may take; for a
whole number of degrees of freedom Student's t has a closed form.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from morph_cl.errors import UsageError


@dataclass(frozen=True)
class Interval:
    """A mean over seeds.

    Args:
        mean: of the measured values; NaN where there is none.
        half_width: the interval is ``mean - half_width .. mean + half_width``; NaN below two values.
        count: values that were measured.
        missing: values that were NaN and are left out.
    """

    mean: float
    half_width: float
    count: int
    missing: int = 0

    @property
    def low(self) -> float:
        """The lower end."""
        return self.mean - self.half_width

    @property
    def high(self) -> float:
        """The upper end."""
        return self.mean + self.half_width

    @property
    def excludes_zero(self) -> bool:
        """Whether 0 lies outside; never of a single value, which has no interval."""
        return self.low > 0 or self.high < 0


def mean_interval(values: Iterable[float], confidence: float = 0.95) -> Interval:
    """The mean over seeds and its Student-t interval, ``mean +- t(n-1) s / sqrt(n)``.

    Args:
        values: one figure a seed; NaN where a run has none.
        confidence: in (0, 1), the share of such intervals that hold the true mean of normal values.

    Returns:
        The interval; its ends do not depend on the order of the values.

    Raises:
        UsageError: a confidence outside (0, 1).

    Source:
        Student, The Probable Error of a Mean, Biometrika 1908.
    """
    if not 0 < confidence < 1:
        raise UsageError(f"confidence={confidence} is not in (0, 1); give a fraction such as 0.95.")
    given = list(values)
    measured = [value for value in given if not math.isnan(value)]
    count, missing = len(measured), len(given) - len(measured)
    if not count:
        return Interval(math.nan, math.nan, 0, missing)
    mean = math.fsum(measured) / count
    if count == 1:
        return Interval(mean, math.nan, 1, missing)
    error = statistics.stdev(measured) / math.sqrt(count)
    return Interval(mean, t_quantile(confidence, count - 1) * error, count, missing)


def paired_interval(first: Mapping[int, float], second: Mapping[int, float], confidence: float = 0.95) -> Interval:
    """The mean difference of pairs, ``first - second``, and its Student-t interval.

    Two runs of one seed meet one stream. Their difference is free of what makes one stream harder than another, so
    its interval is narrower than those of the two means.

    Args:
        first: a figure by seed; NaN where a run has none.
        second: the same of the other; a seed that only one of them has is left out.
        confidence: in (0, 1).

    Returns:
        The interval of the differences.

    Raises:
        UsageError: a confidence outside (0, 1).

    Source:
        Student, The Probable Error of a Mean, Biometrika 1908.
    """
    return mean_interval([first[seed] - second[seed] for seed in sorted(first.keys() & second.keys())], confidence)


@lru_cache(maxsize=256)
def t_quantile(confidence: float, degrees: int) -> float:
    """The t for which ``P(|T| <= t)`` is the confidence.

    Args:
        confidence: in (0, 1).
        degrees: degrees of freedom, a whole number, at least 1.

    Returns:
        The two-sided quantile of Student's t distribution, such as 4.303 for 0.95 and 2.

    Source:
        Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4.
    """
    low, high = 0.0, math.pi / 2
    # The probability rises with the angle: halve until the two ends are neighbouring floats.
    while low < (middle := (low + high) / 2) < high:
        if _central_probability(middle, degrees) < confidence:
            low = middle
        else:
            high = middle
    return math.sqrt(degrees) * math.tan(middle)


def _central_probability(angle: float, degrees: int) -> float:
    """``P(|T| <= t)`` for ``t = sqrt(degrees) tan(angle)``: a series in the angle's sine and cosine."""
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = degrees % 2
    term = cosine if odd else 1.0
    total = term if degrees > 1 else 0.0
    for power in range(2 + odd, degrees - 1, 2):
        term *= cosine * cosine * (power - 1) / power
        total += term
    return 2 / math.pi * (angle + sine * total) if odd else sine * total
