"""Whether densities may have a say in the class of a sample, or only in who answers it; no torch here."""

from __future__ import annotations

from collections.abc import Iterable

_FAST, _SLOW = 1 / 50, 1 / 1_000  # shares of a sample in the two running differences
_WORST = 5.0  # nats: one sample says no more than that


class Trust:
    """Compares the expert in training alone with the expert joined by what the densities say of classes.

    Densities describe all that an expert has met; where inputs change under it they describe what was.
    """

    def __init__(self) -> None:
        self.opened()

    def opened(self) -> None:
        """Begin anew with another expert."""
        self.fast = self.slow = 0.0

    def hear(self, alone: Iterable[float], joined: Iterable[float]) -> None:
        """Take in the losses of samples that were predicted before they were learned.

        Args:
            alone: the expert's, in nats.
            joined: the same with the densities' say.
        """
        for a, b in zip(alone, joined, strict=True):
            harm = min(b, _WORST) - min(a, _WORST)
            self.fast += _FAST * (harm - self.fast)
            self.slow += _SLOW * (harm - self.slow)

    @property
    def given(self) -> bool:
        """Whether the densities have made it no worse, neither lately nor before."""
        return max(self.fast, self.slow) <= 0

    def export(self) -> dict[str, float]:
        """Both differences."""
        return {"fast": self.fast, "slow": self.slow}

    def load(self, state: dict[str, float]) -> None:
        """Take over what :meth:`export` returned.

        Args:
            state: both differences.
        """
        self.fast, self.slow = float(state["fast"]), float(state["slow"])
