"""How many steps a batch is worth: many where an expert is new, or wrong more often than it was; no torch here."""

from __future__ import annotations

from collections.abc import Iterable

_HALF = 200  # samples after which a new expert gets half of the steps
_FAST, _SLOW = 1 / 50, 1 / 2_000  # shares of a sample in the two running error rates
_GAIN = 100.0  # steps for each unit of error rate beyond the usual
_MOVING = 0.04  # error rate beyond the usual


class Effort:
    """Training steps beyond the one that every batch gets.

    The slow error rate starts at 0 and creeps up to what is usual, noise in the labels included: what cannot be learned
    is not laboured at for long.

    Args:
        most: steps after one batch, at most; 0 takes none.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.age = 0
        self.fast = self.slow = 0.0

    def opened(self, *, known: bool) -> None:
        """Begin anew with another expert.

        Args:
            known: whether it was trained before: then it is no beginner.
        """
        self.age = 50 * _HALF if known else 0
        self.fast = self.slow = 0.0

    def hear(self, wrong: Iterable[float]) -> None:
        """Take in which samples were predicted wrongly before they were learned.

        Args:
            wrong: 1 or 0 for each.
        """
        for value in wrong:
            self.age += 1
            self.fast += _FAST * (value - self.fast)
            self.slow += _SLOW * (value - self.slow)

    def steps(self) -> int:
        """Steps to take now."""
        if not self.most:
            return 0
        young = self.most * _HALF / (_HALF + self.age)
        return max(1, min(self.most, round(max(young, _GAIN * (self.fast - self.slow)))))

    @property
    def moving(self) -> bool:
        """Whether the expert is wrong so much more often than usual that what it remembers holds it back."""
        return self.fast - self.slow > _MOVING

    def export(self) -> dict[str, float]:
        """Age and error rates."""
        return {"age": self.age, "fast": self.fast, "slow": self.slow}

    def load(self, state: dict[str, float]) -> None:
        """Take over what :meth:`export` returned.

        Args:
            state: age and error rates.
        """
        self.age, self.fast, self.slow = int(state["age"]), float(state["fast"]), float(state["slow"])
