"""The choice of learning rates."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

CRITERION = "highest prequential accuracy, mean over presets and validation seeds; of equal ones the lowest rate"


@dataclass(frozen=True)
class RateChoice:
    """The learning rate of a contestant.

    Args:
        contestant: its name in the study.
        accuracies: by rate the prequential accuracy, a fraction, mean over presets and validation seeds; empty where
            there was nothing to choose from.
        chosen: the rate.
    """

    contestant: str
    accuracies: Mapping[float, float]
    chosen: float

    @property
    def at_edge(self) -> bool:
        """Whether the rate is the lowest or highest of several: a wider grid may hold a better one."""
        return len(self.accuracies) > 1 and self.chosen in (min(self.accuracies), max(self.accuracies))


def choose_rate(contestant: str, accuracies: Iterable[tuple[float, float]]) -> RateChoice:
    """Choose a learning rate by :data:`CRITERION`.

    Args:
        contestant: its name in the study.
        accuracies: rate and prequential accuracy of each validation run, at least one; as many of each rate.

    Returns:
        The choice. A run whose accuracy is NaN makes its rate the worst.
    """
    by_rate: dict[float, list[float]] = {}
    for rate, accuracy in accuracies:
        by_rate.setdefault(rate, []).append(accuracy)
    means = {rate: math.fsum(values) / len(values) for rate, values in sorted(by_rate.items())}
    worst_first = {rate: -1.0 if math.isnan(mean) else mean for rate, mean in means.items()}
    best = max(worst_first.values())
    return RateChoice(contestant, means, min(rate for rate, mean in worst_first.items() if mean == best))
