"""The knowledge graph as one object: what happens to it, what it answers, and how it is stored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import networkx as nx

from morph_cl.morph.graph import exchange
from morph_cl.morph.graph.population import Population
from morph_cl.morph.graph.prior import Prior
from morph_cl.morph.graph.queries import Queries
from morph_cl.morph.graph.strengths import Strengths
from morph_cl.results.atomic import write_atomic


class KnowledgeGraph(Population, Strengths, Prior, Queries):
    """Experts, concepts and regions as a directed networkx multigraph.

    ``graph`` is the networkx graph; the key of an edge is its relation, ``weight`` its strength in [0, 1].
    It is there to be read: what is changed past the methods is not seen by the prior that routing keeps.
    :data:`~morph_cl.morph.graph.schema.RELATIONS` says what each means.
    """

    def to_json(self) -> dict[str, Any]:
        """Nodes and edges as JSON-able data."""
        return exchange.to_node_link(self.graph)

    @classmethod
    def from_json(cls, data: Any) -> KnowledgeGraph:
        """The graph that :meth:`to_json` described.

        Args:
            data: nodes and edges.

        Returns:
            An equal graph.

        Raises:
            UsageError: it is no such graph, or one of another version.
        """
        return cls._of(exchange.from_node_link(data))

    def write_json(self, path: Path | str) -> None:
        """Write the graph as a JSON file.

        Args:
            path: the file to write.

        Raises:
            UsageError: it cannot be written.
        """
        write_atomic(Path(path), json.dumps(self.to_json()))

    @classmethod
    def read_json(cls, path: Path | str) -> KnowledgeGraph:
        """Read a graph that :meth:`write_json` wrote.

        Args:
            path: the JSON file.

        Returns:
            An equal graph.

        Raises:
            UsageError: the file is missing or broken, or of another version.
        """
        return cls._of(exchange.parse_json(exchange.read_text(path)))

    def write_graphml(self, path: Path | str) -> None:
        """Write the graph for other tools; an edge's relation is its attribute ``relation``.

        Args:
            path: the GraphML file to write.

        Raises:
            UsageError: it cannot be written.
        """
        write_atomic(Path(path), exchange.format_graphml(self.graph))

    @classmethod
    def read_graphml(cls, path: Path | str) -> KnowledgeGraph:
        """Read a graph that :meth:`write_graphml` wrote.

        Args:
            path: the GraphML file.

        Returns:
            An equal graph.

        Raises:
            UsageError: the file is missing or broken, or of another version.
        """
        return cls._of(exchange.parse_graphml(exchange.read_text(path)))

    @classmethod
    def _of(cls, graph: nx.MultiDiGraph[str]) -> KnowledgeGraph:
        knowledge = cls()
        knowledge.graph = graph
        return knowledge
