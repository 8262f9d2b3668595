"""Which expert the stream needs now: shares that follow how well the experts have answered the latest samples."""

from __future__ import annotations

import torch
from torch import Tensor

_FOLLOW = 0.5  # share of the newest batch in the experts' shares
_FRESH = 0.9  # share of an expert that has just been grown
_FLOOR = 1e-3  # share that no expert falls below: another context can come at any time
_PRIOR = 10.0  # samples that the shares count as, against those of a batch
_ROUNDS = 2
_WANTED = 0.05  # share of an expert that is in demand


class Context:
    """The shares, by the numbers of the experts.

    A batch of another context moves them before its labels are known, by densities alone; its labels then say which
    expert had answered best.

    Source: weighting experts by their recent predictions with forgetting, as in Kolter and Maloof, "Dynamic Weighted
    Majority", JMLR 2007.
    """

    def __init__(self) -> None:
        self.shares: dict[int, float] = {}

    def grown(self, number: int) -> None:
        """An expert was grown for what comes now.

        Args:
            number: its number.
        """
        rest = 1 - _FRESH if self.shares else 0.0
        self.shares = {known: share * rest for known, share in self.shares.items()}
        self.shares[number] = 1 - rest * bool(self.shares)

    def keep(self, numbers: list[int]) -> None:
        """Forget experts that there are no longer: sleep merges and drops some.

        Args:
            numbers: those that there are.
        """
        self.shares = {number: share for number, share in self.shares.items() if number in numbers}

    def wants(self, number: int) -> bool:
        """Whether an expert is in demand.

        Args:
            number: its number.
        """
        return self.shares.get(number, 0.0) > _WANTED

    def leaders(self, count: int) -> list[int]:
        """The numbers of the experts with the largest shares.

        Args:
            count: of how many.
        """
        return sorted(self.shares, key=lambda number: -self.shares[number])[:count]

    def hear(self, likelihood: dict[int, Tensor]) -> None:
        """Take in how well experts answered a batch before it was learned.

        Args:
            likelihood: by number the log-probability (B,) that each gave to the right classes.
        """
        numbers = list(likelihood)
        said = torch.stack([likelihood[number] for number in numbers], 1)  # (B, K)
        prior = torch.tensor([max(self.shares.get(number, 0.0), _FLOOR) for number in numbers]).log()
        won = dict(zip(numbers, (said.cpu() + prior).softmax(1).mean(0).tolist(), strict=True))
        known = {*self.shares, *numbers}
        self.shares = {
            number: (1 - _FOLLOW) * self.shares.get(number, 0.0) + _FOLLOW * won.get(number, 0.0) for number in known
        }

    def prior(self, evidence: Tensor, numbers: list[int]) -> Tensor:
        """What the shares say of a batch, moved by what its inputs say.

        Args:
            evidence: (B, E) log-densities of the inputs under the experts, as far as they count in routing.
            numbers: the experts' numbers, one a column.

        Returns:
            (E,) log-probabilities.
        """
        shares = evidence.new_tensor([max(self.shares.get(number, 0.0), _FLOOR) for number in numbers])
        shares = moved = shares / shares.sum()
        for _ in range(_ROUNDS):
            claims = (evidence + moved.log()).softmax(1).sum(0)
            moved = ((_PRIOR * shares + claims) / (_PRIOR + len(evidence))).clamp_min(_FLOOR)
        return moved.log()

    def export(self) -> list[list[float]]:
        """Numbers and shares."""
        return [[number, share] for number, share in self.shares.items()]

    def load(self, state: list[list[float]]) -> None:
        """Take over exported shares.

        Args:
            state: what :meth:`export` returned.
        """
        self.shares = {int(number): float(share) for number, share in state}
