"""What every part of the knowledge graph stands on: the networkx graph, its experts, and its edges by relation."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import networkx as nx

from morph_cl.errors import UnknownNameError, UsageError
from morph_cl.morph.graph.schema import (
    EXPERT,
    FADING,
    FAINTEST,
    KINDS,
    LINEAGE,
    RELATIONS,
    SIMILARITY,
    VERSION,
    expert_node,
)


class Link(NamedTuple):
    """One edge, in its own direction.

    Args:
        source: name of the node that it leaves.
        target: name of the node that it reaches.
        relation: what it means.
        weight: its strength in [0, 1].
    """

    source: str
    target: str
    relation: str
    weight: float


class GraphStore:
    """Nodes and edges; the key of an edge is its relation, ``weight`` its strength."""

    def __init__(self) -> None:
        self.graph: nx.MultiDiGraph[str] = nx.MultiDiGraph(version=VERSION)
        self.revision = 0
        """Counts the changes of relations and regions: what was read off them holds until it is another."""

    @property
    def experts(self) -> list[int]:
        """The numbers of the experts in the graph, ascending."""
        return sorted(data["number"] for _, data in self.graph.nodes(data=True) if data["kind"] == EXPERT)

    def weight(self, source: str, target: str, relation: str) -> float:
        """The strength of one relation between two nodes.

        Args:
            source: name of the node that the relation leaves.
            target: name of the node that it reaches; similarity is found from either end.
            relation: its name.

        Returns:
            Its weight in [0, 1]; 0 where there is no such edge.

        Raises:
            UsageError: a node that is not in the graph, or an unknown relation.
        """
        self._check_relation(relation)
        data = self._edge(self._known(source), self._known(target), relation)
        return data["weight"] if data else 0.0

    def summary(self) -> dict[str, dict[str, int]]:
        """How many there are: ``nodes`` by kind and ``relations`` by relation."""
        kinds = Counter(data["kind"] for _, data in self.graph.nodes(data=True))
        relations = Counter(key for _, _, key in self.graph.edges(keys=True))
        return {
            "nodes": {kind: kinds[kind] for kind in KINDS},
            "relations": {relation: relations[relation] for relation in RELATIONS},
        }

    # --- names that must be in the graph -----------------------------------------------------------------------------

    def _known(self, node: str) -> str:
        """The name of a node, refused if there is none of that name."""
        if node not in self.graph:
            name = str(node)  # a bare number is an easy slip
            near = difflib.get_close_matches(name, list(self.graph), n=3, cutoff=0.5)
            nodes = near or [expert_node(number) for number in self.experts]
            raise UnknownNameError("node", name, nodes, "Nodes are expert:N, concept:N:CLASS and region:K.")
        return node

    def _rows(self, numbers: Sequence[int], size: int) -> list[str]:
        """The nodes of the experts that the rows of a table of a given size stand for."""
        if len(set(numbers)) != len(numbers) or len(numbers) != size:
            raise UsageError(
                f"numbers={list(numbers)} does not name each of {size} rows once; give one expert's number for each."
            )
        return [self._known(expert_node(number)) for number in numbers]

    def _check_relation(self, relation: str) -> None:
        if relation not in RELATIONS:
            raise UnknownNameError("relation", relation, RELATIONS)

    # --- edges -------------------------------------------------------------------------------------------------------

    def _ends(self, source: str, target: str, relation: str) -> tuple[str, str]:
        """The direction in which a relation is stored: similarity has none, so it is stored from the smaller number."""
        nodes = self.graph.nodes
        if relation == SIMILARITY and nodes[source]["number"] > nodes[target]["number"]:
            return target, source
        return source, target

    def _edge(self, source: str, target: str, relation: str) -> dict[str, float] | None:
        """The data of an edge, if there is one."""
        data: dict[str, float] | None = self.graph.get_edge_data(
            *self._ends(source, target, relation), key=relation, default=None
        )
        return data

    def _relate(self, source: str, target: str, relation: str, weight: float, **facts: Any) -> None:
        """Set an edge; its weight is held to [0, 1], and a fading one that is too faint is dropped."""
        self.revision += 1
        ends = self._ends(source, target, relation)
        if relation not in FADING or weight >= FAINTEST:
            self.graph.add_edge(*ends, key=relation, weight=min(max(weight, 0.0), 1.0), **facts)
        elif self.graph.has_edge(*ends, key=relation):
            self.graph.remove_edge(*ends, key=relation)

    def _targets(self, node: str, *relations: str) -> list[str]:
        return [b for _, b, key in self.graph.out_edges(node, keys=True) if key in relations]

    def _sources(self, node: str, *relations: str) -> list[str]:
        return [a for a, _, key in self.graph.in_edges(node, keys=True) if key in relations]

    def _ancestors(self, node: str) -> set[str]:
        """The experts that an expert descends from, by cloning and splitting."""
        return set(nx.descendants(lineage(self.graph), node))


def lineage(graph: nx.MultiDiGraph[str]) -> nx.DiGraph[str]:
    """Who descends from whom, by cloning and splitting.

    Args:
        graph: the graph.

    Returns:
        Its nodes, and an edge from each descendant to its origin.
    """
    origins: nx.DiGraph[str] = nx.DiGraph()
    origins.add_nodes_from(graph)
    origins.add_edges_from((a, b) for a, b, key in graph.edges(keys=True) if key in LINEAGE)
    return origins
