"""Which experts training steps went to, since the last point of the training curve."""

from __future__ import annotations

from typing import Any


class ExpertWindow:
    """Sums the weights of experts by name: columns may come, go and move while a strategy trains."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}
        self._steps = 0

    def add(self, strategy: Any) -> None:
        """Take in the training step just done.

        Args:
            strategy: any Avalanche strategy; one that tells no weights counts for nothing.

        Raises:
            ValueError: it tells more weights than names, or fewer.
        """
        tell = getattr(strategy, "batch_expert_weights", None)
        weights = None if tell is None else tell()
        if weights is None:
            return
        self._steps += 1
        for name, weight in zip(strategy.expert_names, weights.tolist(), strict=True):
            self._sums[name] = self._sums.get(name, 0.0) + weight

    def close(self) -> tuple[list[str], list[float]]:
        """End the window and start the next.

        Returns:
            The experts' names, and the mean weight of each over the steps; both empty where there were none.
        """
        names, weights = list(self._sums), [total / self._steps for total in self._sums.values()]
        self._sums, self._steps = {}, 0
        return names, weights
