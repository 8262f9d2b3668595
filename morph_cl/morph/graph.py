"""The knowledge graph: experts, concepts and what relates them.

Nodes are ``expert:N`` and ``concept:N:C`` (what expert N knows of class C). Relations are ``owns`` (expert to its
concepts), ``similarity`` (experts whose concepts' densities overlap, strengthened whenever routing takes both),
``specialisation`` (a clone and the expert it was cloned from).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import networkx as nx
import torch
from torch import Tensor

OWNS, SIMILARITY, SPECIALISATION = "owns", "similarity", "specialisation"

_KINSHIP = 0.5  # closeness of a clone to what it was cloned from, whatever their densities say
_FAINTEST = 0.01  # similarity edges weaker than this are dropped


def expert_node(number: int) -> str:
    """The name of an expert's node."""
    return f"expert:{number}"


def concept_node(number: int, label: int) -> str:
    """The name of the node of what an expert knows of a class."""
    return f"concept:{number}:{label}"


class KnowledgeGraph:
    """Experts and concepts as a networkx multigraph; the key of an edge is its relation, ``weight`` its strength."""

    def __init__(self) -> None:
        self.graph: nx.MultiGraph[str] = nx.MultiGraph()

    @property
    def experts(self) -> list[int]:
        """The numbers of the experts in the graph, ascending."""
        return sorted(data["number"] for _, data in self.graph.nodes(data=True) if data["kind"] == "expert")

    # --- change ----------------------------------------------------------------------------------------------------

    def add_expert(self, number: int, parent: int | None = None) -> None:
        """Add an expert.

        Args:
            number: its number.
            parent: the expert that it was cloned from, if any.
        """
        self.graph.add_node(expert_node(number), kind="expert", number=number, activations=0.0)
        if parent is not None:
            self.graph.add_edge(expert_node(parent), expert_node(number), key=SPECIALISATION, weight=_KINSHIP)

    def set_concepts(self, number: int, counts: dict[int, int]) -> None:
        """Say which classes an expert knows.

        Args:
            number: the expert's number.
            counts: samples met by class.
        """
        total = max(sum(counts.values()), 1)
        for label, count in counts.items():
            node = concept_node(number, label)
            self.graph.add_node(node, kind="concept", number=number, label=label, count=count)
            self.graph.add_edge(expert_node(number), node, key=OWNS, weight=count / total)

    def set_similarity(self, similarity: Tensor, numbers: Sequence[int]) -> None:
        """Take over the overlap of the experts' densities; an edge keeps what co-activation added to it.

        Args:
            similarity: (E, E) in [0, 1], symmetric.
            numbers: the number of the expert in each row.
        """
        for i, a in enumerate(numbers):
            for j in range(i):
                base = float(similarity[i, j])
                nodes = expert_node(a), expert_node(numbers[j])
                earned = self._earned(*nodes)
                if base + earned >= _FAINTEST:
                    self.graph.add_edge(*nodes, key=SIMILARITY, weight=min(base + earned, 1.0), earned=earned)

    def _earned(self, a: str, b: str) -> float:
        data = self.graph.get_edge_data(a, b, key=SIMILARITY)
        return float(data["earned"]) if data else 0.0

    def activate(self, shares: Tensor, numbers: Sequence[int], rate: float = 0.1) -> None:
        """Note which experts routing took, and strengthen the similarity of those that it took together.

        Args:
            shares: (B, E) routing probabilities, zero outside the top experts.
            numbers: the number of the expert in each column.
            rate: how much two experts that are always taken together gain.
        """
        together = (shares.T @ shares) / max(len(shares), 1)
        for i, a in enumerate(numbers):
            self.graph.nodes[expert_node(a)]["activations"] += float(shares[:, i].sum())
            for j in range(i):
                gain = rate * 4.0 * float(together[i, j])  # two equal shares of .5 make a product of .25
                nodes = expert_node(a), expert_node(numbers[j])
                if gain < _FAINTEST * rate:
                    continue
                data = self.graph.get_edge_data(*nodes, key=SIMILARITY)
                weight = float(data["weight"]) if data else 0.0
                self.graph.add_edge(
                    *nodes, key=SIMILARITY, weight=min(weight + gain, 1.0), earned=self._earned(*nodes) + gain
                )

    def decay(self, factor: float) -> int:
        """Weaken all similarity and drop what is too faint.

        Args:
            factor: in (0, 1].

        Returns:
            How many edges were dropped.
        """
        faint = []
        for a, b, key, data in self.graph.edges(keys=True, data=True):
            if key == SIMILARITY:
                data["weight"] *= factor
                data["earned"] *= factor
                if data["weight"] < _FAINTEST:
                    faint.append((a, b, key))
        self.graph.remove_edges_from(faint)
        return len(faint)

    def remove_expert(self, number: int, heir: int | None = None) -> None:
        """Take an expert and its concepts out.

        Args:
            number: its number.
            heir: the expert that takes over its clones, if any.
        """
        node = expert_node(number)
        children = [b for _, b, key in self.graph.edges(node, keys=True) if key == SPECIALISATION]
        owned = [b for _, b, key in self.graph.edges(node, keys=True) if key == OWNS]
        self.graph.remove_nodes_from([node, *owned])
        if heir is not None:
            for child in children:
                if child != expert_node(heir):
                    self.graph.add_edge(expert_node(heir), child, key=SPECIALISATION, weight=_KINSHIP)

    # --- queries ---------------------------------------------------------------------------------------------------

    def nearest_experts(self, number: int, label: int | None = None, limit: int = 5) -> list[tuple[int, float]]:
        """The experts nearest to an expert, or to what it knows of a class, along the strongest path.

        Args:
            number: the expert that owns the concept.
            label: the concept's class; None starts from the expert itself.
            limit: most experts to return.

        Returns:
            Numbers and closeness in (0, 1], nearest first; the closeness of a path is the product of its strengths.
        """
        source = expert_node(number) if label is None else concept_node(number, label)
        if source not in self.graph:
            return []

        def length(_a: str, _b: str, edges: dict[str, dict[str, float]]) -> float:
            strength = max(1.0 if key == OWNS else data["weight"] for key, data in edges.items())
            return -math.log(min(max(strength, 1e-9), 1.0))

        reached = nx.single_source_dijkstra_path_length(self.graph, source, weight=length)
        found = [
            (int(self.graph.nodes[node]["number"]), math.exp(-distance))
            for node, distance in reached.items()
            if self.graph.nodes[node]["kind"] == "expert" and (label is not None or node != source)
        ]
        return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:limit]

    def affinity_matrix(self, numbers: Sequence[int]) -> Tensor:
        """Strength of similarity between experts.

        Args:
            numbers: the experts, in the order of rows and columns.

        Returns:
            (E, E) float32 in [0, 1], symmetric, zero diagonal.
        """
        affinity = torch.zeros(len(numbers), len(numbers))
        for i, a in enumerate(numbers):
            for j in range(i):
                data = self.graph.get_edge_data(expert_node(a), expert_node(numbers[j]), key=SIMILARITY)
                affinity[i, j] = affinity[j, i] = float(data["weight"]) if data else 0.0
        return affinity

    # --- export ----------------------------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """Nodes and edges as JSON-able data."""
        data: dict[str, Any] = nx.node_link_data(self.graph, edges="edges")
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> KnowledgeGraph:
        """The graph that :meth:`to_json` described.

        Args:
            data: nodes and edges.

        Returns:
            An equal graph.
        """
        knowledge = cls()
        knowledge.graph = nx.MultiGraph(nx.node_link_graph(data, edges="edges", multigraph=True, directed=False))
        return knowledge

    def write_graphml(self, path: Path) -> None:
        """Write the graph for other tools.

        Args:
            path: the GraphML file to write.
        """
        nx.write_graphml(self.graph, path)


def concept_similarity(divergence: Tensor, experts: int, width: int) -> Tensor:
    """How much the densities of two experts overlap, from the divergence between their concepts.

    Args:
        divergence: (E * classes, E * classes) in nats, infinite where a concept does not exist.
        experts: E.
        width: number of axes that the densities have: divergences grow in proportion to it.

    Returns:
        (E, E) in [0, 1]: for each concept of the one the best match among those of the other, averaged, both ways.
    """
    classes = len(divergence) // max(experts, 1)
    overlap = (-divergence / width).exp().view(experts, classes, experts, classes)
    owned = (overlap.amax((2, 3)) > 0).to(overlap)  # a concept that exists matches at least itself
    best = overlap.amax(3) * owned.unsqueeze(2)  # (E, classes, E)
    one_way = best.sum(1) / owned.sum(1).clamp_min(1.0).unsqueeze(1)
    return (0.5 * (one_way + one_way.T)).clamp(0.0, 1.0)
