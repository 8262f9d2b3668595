"""What is gained by answering only where a model is confident, as pure functions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence


def risk_coverage(confidence: Sequence[float], right: Sequence[bool]) -> list[float]:
    """The share of wrong answers among the most confident ones, the risk-coverage curve.

    Args:
        confidence: (N,) of each answer.
        right: (N,) whether it is right.

    Returns:
        (N,) fractions: entry k is the risk where the k + 1 most confident answers are accepted. Answers of equal
        confidence count as their mean, so the order of the images does not matter.
    """
    ranked = sorted(zip(confidence, right, strict=True), key=lambda answer: -answer[0])
    wrong: list[float] = []
    for _, tied in itertools.groupby(ranked, key=lambda answer: answer[0]):
        missed = [not hit for _, hit in tied]
        wrong += [sum(missed) / len(missed)] * len(missed)
    return [min(total / count, 1.0) for count, total in enumerate(itertools.accumulate(wrong), start=1)]


def aurc(confidence: Sequence[float], right: Sequence[bool]) -> float:
    """The area under the risk-coverage curve.

    Args:
        confidence: (N,) of each answer.
        right: (N,) whether it is right.

    Returns:
        A fraction in [0, 1], less is better; NaN where there is no answer.

    Source:
        Geifman, Uziel and El-Yaniv, Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers, ICLR 2019.
    """
    risks = risk_coverage(confidence, right)
    return math.fsum(risks) / len(risks) if risks else math.nan


def risk_at(risks: Sequence[float], coverage: float) -> float:
    """The risk where at least a share of the images is answered.

    Args:
        risks: (N,) of :func:`risk_coverage`.
        coverage: the share, in (0, 1].

    Returns:
        A fraction in [0, 1]; NaN where there is no answer.
    """
    if not risks:
        return math.nan
    return risks[max(math.ceil(coverage * len(risks) - 1e-9), 1) - 1]  # 0.7 * 10 is a little more than 7
