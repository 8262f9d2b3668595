"""What the graph believes of routing: who else may answer for an expert, and who is central."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from morph_cl.morph.graph.hierarchy import Hierarchy
from morph_cl.morph.graph.schema import REGION

_DAMPING = 0.85  # share of steps of a random walk that follow the graph


class Prior(Hierarchy):
    """The semantic prior of routing."""

    def __init__(self) -> None:
        super().__init__()
        self._last: tuple[int, tuple[int, ...], Tensor] | None = None  # revision, numbers, and their prior

    def prior_matrix(self, numbers: Sequence[int]) -> Tensor:
        """How probability spreads from an expert to those related to it: ``P'(e) = sum over e' of P(e') M[e', e]``.

        It is kept until a method of the graph changes a relation: every prediction asks for it.

        Each expert counts 1 for itself, and every other the mean of three strengths: their similarity, how much it
        depends on the other, and the cohesion of the finest region that holds both. Rows are then divided by their sum.

        Args:
            numbers: the experts, in the order of rows and columns.

        Returns:
            (E, E) float32 M, not negative, rows summing to 1; the identity where nothing is related.

        Raises:
            UsageError: an expert that is not in the graph.
        """
        if self._last is not None and self._last[:2] == (self.revision, tuple(numbers)):
            return self._last[2]
        related = self.affinity_matrix(numbers) + self.dependency_matrix(numbers) + self._kin(numbers)
        spread = torch.eye(len(numbers)) + related / 3.0
        prior = spread / spread.sum(1, keepdim=True)
        self._last = self.revision, tuple(numbers), prior
        return prior

    def _kin(self, numbers: Sequence[int]) -> Tensor:
        """(E, E) cohesion of the finest region that two experts share, zero without one and on the diagonal."""
        row_of = {number: row for row, number in enumerate(numbers)}
        kin = torch.zeros(len(numbers), len(numbers))
        regions = [(data["level"], node) for node, data in self.graph.nodes(data=True) if data["kind"] == REGION]
        for _, node in sorted(regions, reverse=True):  # widest first: finer ones overwrite it
            rows = torch.tensor([row_of[n] for n in self._experts_below(node) if n in row_of], dtype=torch.int64)
            kin[rows[:, None], rows] = self.graph.nodes[node]["cohesion"]
        return kin.fill_diagonal_(0.0)

    def centrality(self) -> dict[int, float]:
        """How much of a long walk along :meth:`prior_matrix` each expert gets: its PageRank.

        Returns:
            By expert, positive, summing to 1; most central first.

        Source: Page et al., "The PageRank citation ranking: bringing order to the web", 1999.
        """
        numbers = self.experts
        if not numbers:
            return {}
        walk = _DAMPING * self.prior_matrix(numbers).double()
        jump = torch.full((len(numbers),), (1.0 - _DAMPING) / len(numbers), dtype=torch.float64)
        ranks = torch.linalg.solve(torch.eye(len(numbers), dtype=torch.float64) - walk.T, jump)
        found = zip(numbers, (ranks / ranks.sum()).tolist(), strict=True)
        return dict(sorted(found, key=lambda pair: (-pair[1], pair[0])))
