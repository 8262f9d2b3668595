"""Relations between experts as matrices."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from morph_cl.morph.graph.schema import DEPENDENCY, SIMILARITY
from morph_cl.morph.graph.store import GraphStore


class Matrices(GraphStore):
    """The graph as routing reads it."""

    def affinity_matrix(self, numbers: Sequence[int]) -> Tensor:
        """Strength of similarity between experts.

        Args:
            numbers: the experts, in the order of rows and columns.

        Returns:
            (E, E) float32 in [0, 1], symmetric, zero diagonal.

        Raises:
            UsageError: an expert that is not in the graph.
        """
        one_way = self._matrix(SIMILARITY, numbers)
        return one_way + one_way.T  # each edge is stored in one direction

    def dependency_matrix(self, numbers: Sequence[int]) -> Tensor:
        """How much experts lean on each other.

        Args:
            numbers: the experts, in the order of rows and columns.

        Returns:
            (E, E) float32 in [0, 1], zero diagonal; row a, column b: how much a leans on b.

        Raises:
            UsageError: an expert that is not in the graph.
        """
        return self._matrix(DEPENDENCY, numbers)

    def _matrix(self, relation: str, numbers: Sequence[int]) -> Tensor:
        """Weights of one relation, in the direction in which its edges are stored."""
        nodes = self._rows(numbers, len(numbers))
        column = {node: place for place, node in enumerate(nodes)}
        values = [[0.0] * len(nodes) for _ in nodes]
        for row, node in enumerate(nodes):
            for other, edges in self.graph.adj[node].items():
                if relation in edges and other in column:
                    values[row][column[other]] = edges[relation]["weight"]
        return torch.tensor(values, dtype=torch.float32).view(len(nodes), len(nodes))
