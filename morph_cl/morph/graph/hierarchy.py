"""The hierarchy: experts form regions, and regions form wider regions."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import networkx as nx
import torch
from torch import Tensor

from morph_cl.errors import UsageError
from morph_cl.morph.graph.matrices import Matrices
from morph_cl.morph.graph.schema import COMPOSITION, EXPERT, REGION, expert_node, region_node

LEVELS = (0.5, 0.25, 0.1)
"""Least mean similarity between the parts of a region, finest level first."""


class Hierarchy(Matrices):
    """Regions of experts, level upon level."""

    def set_hierarchy(self, numbers: Sequence[int], levels: Sequence[float] = LEVELS) -> None:
        """Form the regions anew, by average linkage of the affinity matrix.

        A region is a node ``region:K`` with at least two members, experts or finer regions; ``level`` is the finest
        level that it exists at and ``cohesion`` the mean similarity of its experts. Regions are numbered anew.

        Args:
            numbers: the experts to group.
            levels: least mean similarity between the parts of a region, in (0, 1], falling: finest level first.

        Raises:
            UsageError: levels that do not fall within (0, 1], or an expert that is not in the graph.
        """
        levels = tuple(levels)
        falling = all(finer > coarser for finer, coarser in itertools.pairwise((*levels, 0.0)))
        if not falling or any(level > 1.0 for level in levels):
            raise UsageError(f"levels={levels} must fall from at most 1 to above 0, such as {LEVELS}.")
        affinity = self.affinity_matrix(numbers).double()
        self.revision += 1
        self.graph.remove_nodes_from([node for node, data in self.graph.nodes(data=True) if data["kind"] == REGION])
        rows = {expert_node(number): [row] for row, number in enumerate(numbers)}  # of each part that is in no region
        fresh = itertools.count()
        for level, groups in enumerate(average_linkage(affinity, levels)):
            for group in groups:
                parts = {part: held for part, held in rows.items() if held[0] in group}
                if len(parts) > 1:
                    rows = {part: held for part, held in rows.items() if part not in parts}
                    rows[self._add_region(next(fresh), level, parts, affinity)] = group

    def _add_region(self, number: int, level: int, parts: dict[str, list[int]], affinity: Tensor) -> str:
        """Join parts, given with the rows of their experts, and return the region's node."""
        node = region_node(number)
        rows = list(itertools.chain.from_iterable(parts.values()))
        pairs = len(rows) * (len(rows) - 1)
        cohesion = min(float(affinity[rows][:, rows].sum()) / pairs, 1.0)  # the diagonal is zero
        self.graph.add_node(node, kind=REGION, number=number, level=level, cohesion=cohesion)
        for part, held in parts.items():
            others = [row for row in rows if row not in held]
            self._relate(node, part, COMPOSITION, float(affinity[held][:, others].mean()))
        return node

    def regions(self, level: int) -> dict[int, list[int]]:
        """The regions at a level; an expert that is like no other is in none.

        Args:
            level: 0 is the finest; beyond the coarsest there are the coarsest regions.

        Returns:
            For each region's number its experts, ascending.
        """
        found = {}
        for node, data in self.graph.nodes(data=True):
            if data["kind"] == REGION and data["level"] <= level and self._top(node, level) == node:
                found[int(data["number"])] = self._experts_below(node)
        return found

    def region_of(self, number: int, level: int) -> int | None:
        """The region that an expert is in.

        Args:
            number: the expert's number.
            level: 0 is the finest.

        Returns:
            The number of its region at that level, or None if it is like no other.

        Raises:
            UsageError: the expert is not in the graph.
        """
        node = self._known(expert_node(number))
        top = self._top(node, level)
        return int(self.graph.nodes[top]["number"]) if top != node else None

    def _top(self, node: str, level: int) -> str:
        """The widest region at a level that a node is part of, else the node itself."""
        for above in self._sources(node, COMPOSITION):
            if self.graph.nodes[above]["level"] <= level:
                return self._top(above, level)
        return node

    def _experts_below(self, node: str) -> list[int]:
        """The numbers of all experts that a region holds."""
        data = self.graph.nodes[node]
        if data["kind"] == EXPERT:
            return [data["number"]]
        members = self._targets(node, COMPOSITION)
        return sorted(number for member in members for number in self._experts_below(member))


def average_linkage(affinity: Tensor, levels: Sequence[float]) -> Iterator[list[list[int]]]:
    """Join the two groups with the greatest mean affinity, again and again, down to each of some levels.

    Args:
        affinity: (E, E) in [0, 1], symmetric.
        levels: falling; at each, groups with at least that mean affinity have been joined.

    Yields:
        For each level the groups of rows, a partition.

    Source: Sokal and Michener, "A statistical method for evaluating systematic relationships", 1958 (UPGMA).
    """
    groups = [[row] for row in range(len(affinity))]
    between = affinity.clone().fill_diagonal_(-1.0)
    for level in levels:
        while len(groups) > 1:
            a, b = sorted(divmod(int(between.argmax()), len(groups)))
            if between[a, b] < level:
                break
            share = len(groups[a]) / (len(groups[a]) + len(groups[b]))
            between[a] = between[:, a] = share * between[a] + (1.0 - share) * between[b]
            between[a, a] = -1.0
            groups[a] += groups.pop(b)
            keep = torch.tensor([row for row in range(len(between)) if row != b])
            between = between[keep][:, keep]
        yield [sorted(group) for group in groups]


def drop_small_regions(graph: nx.MultiDiGraph[str]) -> None:
    """Dissolve regions with fewer than two members; a last member goes to the region above.

    Args:
        graph: the graph, after nodes were removed.
    """
    regions = sorted((data["level"], node) for node, data in graph.nodes(data=True) if data["kind"] == REGION)
    for _, node in regions:  # finest first: one that dissolves may leave the region above with one member
        members = list(graph.successors(node))
        if len(members) < 2:
            for above, _, data in list(graph.in_edges(node, data=True)):
                for member in members:
                    graph.add_edge(above, member, key=COMPOSITION, **data)
            graph.remove_node(node)
