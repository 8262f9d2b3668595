"""Questions to the graph: what is beside a node, what is near it, and what leads from one to another."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import networkx as nx

from morph_cl.morph.graph.schema import EXPERT, OWNS, concept_node, expert_node
from morph_cl.morph.graph.store import GraphStore, Link

_HOP = 1e-9  # length of a step at full strength: of equally strong paths the one with fewer steps is taken


class Queries(GraphStore):
    """Paths may follow an edge either way; what an expert owns is as close to it as it is to itself."""

    def neighbours(self, node: str, relation: str | None = None) -> list[Link]:
        """The edges at a node.

        Args:
            node: its name, such as ``expert:3``.
            relation: only this relation; None takes all.

        Returns:
            The edges that leave or reach it, each in its own direction, strongest first.

        Raises:
            UsageError: a node that is not in the graph, or an unknown relation.
        """
        self._known(node)
        if relation is not None:
            self._check_relation(relation)
        found = [link for link in self._links(node) if relation in (None, link.relation)]
        return sorted(found, key=lambda link: (-link.weight, link))

    def nearest_experts(self, number: int, label: int | None = None, limit: int = 5) -> list[tuple[int, float]]:
        """The experts nearest to an expert, or to what it knows of a class, along the strongest path.

        Args:
            number: the expert that owns the concept.
            label: the concept's class; None starts from the expert itself.
            limit: most experts to return.

        Returns:
            Numbers and closeness in (0, 1], nearest first; the closeness of a path is the product of its strengths.

        Raises:
            UsageError: the expert or the concept is not in the graph.
        """
        source = self._known(expert_node(number) if label is None else concept_node(number, label))
        steps = self._steps()
        paths = nx.single_source_dijkstra_path(steps, source, weight="length")
        found = [
            (int(self.graph.nodes[node]["number"]), _closeness(steps, path))
            for node, path in paths.items()
            if self.graph.nodes[node]["kind"] == EXPERT and node != source
        ]
        return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:limit]

    def strongest_path(self, source: str, target: str) -> tuple[list[Link], float]:
        """The path between two nodes whose strengths have the greatest product; of equals, the shortest.

        Args:
            source: name of the node where it begins.
            target: name of the node where it ends.

        Returns:
            Its edges in the order in which they are walked, each in its own direction, and their product in [0, 1];
            no edges and 0 if nothing leads there.

        Raises:
            UsageError: a node that is not in the graph.
        """
        steps = self._steps()
        try:
            path = nx.dijkstra_path(steps, self._known(source), self._known(target), weight="length")
        except nx.NetworkXNoPath:
            return [], 0.0
        return [steps[a][b]["link"] for a, b in itertools.pairwise(path)], _closeness(steps, path)

    def _links(self, node: str | None = None) -> Iterator[Link]:
        """All edges, or those at a node."""
        nodes = None if node is None else [node]
        for a, b, key, data in self.graph.out_edges(nodes, keys=True, data=True):
            yield Link(a, b, key, data["weight"])
        if nodes:
            for a, b, key, data in self.graph.in_edges(nodes, keys=True, data=True):
                yield Link(a, b, key, data["weight"])

    def _steps(self) -> nx.Graph[str]:
        """The strongest edge between any two nodes, walked either way."""
        steps: nx.Graph[str] = nx.Graph()
        steps.add_nodes_from(self.graph)
        for link in self._links():
            strength = 1.0 if link.relation == OWNS else link.weight
            if strength > steps.get_edge_data(link.source, link.target, {"strength": 0.0})["strength"]:
                length = _HOP - math.log(strength)
                steps.add_edge(link.source, link.target, link=link, strength=strength, length=length)
        return steps


def _closeness(steps: nx.Graph[str], path: list[str]) -> float:
    """The product of the strengths along a path."""
    return math.prod(float(steps[a][b]["strength"]) for a, b in itertools.pairwise(path))
