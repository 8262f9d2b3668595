"""Relations that are measured, strengthened by use and weakened by time: similarity and dependency."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from morph_cl.errors import UsageError
from morph_cl.morph.graph.schema import DEPENDENCY, FADING, FAINTEST, SIMILARITY
from morph_cl.morph.graph.store import GraphStore

_FOLLOW = 0.5  # how far a dependency moves towards a new measurement


class Strengths(GraphStore):
    """Relations between experts that change with what routing does."""

    def set_similarity(self, similarity: Tensor, numbers: Sequence[int]) -> None:
        """Take over the overlap of the experts' densities; an edge keeps what co-activation added to it.

        Args:
            similarity: (E, E) in [0, 1], symmetric.
            numbers: the number of the expert in each row.

        Raises:
            UsageError: the numbers are not those of E experts of the graph.
        """
        nodes = self._rows(numbers, len(similarity))
        for i, row in enumerate(similarity.tolist()):
            for j in range(i):
                earned = self._earned(nodes[i], nodes[j])
                self._relate(nodes[i], nodes[j], SIMILARITY, row[j] + earned, earned=earned)

    def set_dependency(self, shares: Tensor, owners: Tensor, numbers: Sequence[int]) -> None:
        """Measure which experts lean on which: the mean share that each gets on the samples of each other.

        A dependency that there was already moves halfway to the new measurement; those of an expert that owns none of
        the samples stay.

        Args:
            shares: (N, E) routing probabilities.
            owners: (N,) int64, the row of the expert that owns each sample.
            numbers: the number of the expert in each column.

        Raises:
            UsageError: the numbers are not those of E experts of the graph.
        """
        nodes = self._rows(numbers, shares.shape[1])
        counts = torch.bincount(owners, minlength=len(nodes))
        sums = shares.new_zeros(len(nodes), len(nodes)).index_add(0, owners, shares)
        measured = (sums / counts.clamp_min(1).unsqueeze(1)).tolist()  # [a][b]: what b gets of a's samples
        for a in counts.nonzero().squeeze(1).tolist():
            for b in range(len(nodes)):
                if a != b:
                    old = self._edge(nodes[a], nodes[b], DEPENDENCY)
                    start = old["weight"] if old else measured[a][b]
                    self._relate(nodes[a], nodes[b], DEPENDENCY, start + _FOLLOW * (measured[a][b] - start))

    def _earned(self, a: str, b: str) -> float:
        """What co-activation added to a similarity."""
        data = self._edge(a, b, SIMILARITY)
        return data["earned"] if data else 0.0

    def activate(self, shares: Tensor, numbers: Sequence[int], rate: float = 0.1) -> None:
        """Note which experts routing took, and strengthen the similarity of those that it took together.

        Args:
            shares: (B, E) routing probabilities, zero outside the top experts.
            numbers: the number of the expert in each column.
            rate: how much two experts that are always taken together gain.

        Raises:
            UsageError: the numbers are not those of E experts of the graph.
        """
        nodes = self._rows(numbers, shares.shape[1])
        together = (shares.T @ shares / max(len(shares), 1)).tolist()
        taken = shares.sum(0).tolist()
        for i, a in enumerate(nodes):
            self.graph.nodes[a]["activations"] += taken[i]
            for j in range(i):
                gain = rate * 4.0 * together[i][j]  # two equal shares of .5 make a product of .25
                if gain >= FAINTEST * rate:
                    earned = min(self._earned(a, nodes[j]) + gain, 1.0)
                    self._relate(a, nodes[j], SIMILARITY, self.weight(a, nodes[j], SIMILARITY) + gain, earned=earned)

    def decay(self, factor: float) -> int:
        """Weaken all similarity and dependency, and drop what is too faint.

        Args:
            factor: in (0, 1].

        Returns:
            How many edges were dropped.

        Raises:
            UsageError: the factor is outside its range.
        """
        if not 0.0 < factor <= 1.0:
            raise UsageError(f"factor={factor} is not in (0, 1]; give the share of each strength that stays.")
        self.revision += 1
        faint = []
        for a, b, key, data in self.graph.edges(keys=True, data=True):
            if key in FADING:
                for name in data.keys() & {"weight", "earned"}:
                    data[name] *= factor
                if data["weight"] < FAINTEST:
                    faint.append((a, b, key))
        self.graph.remove_edges_from(faint)
        return len(faint)
