"""The graph as JSON (node-link) and as GraphML, and back without loss."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import networkx as nx

from morph_cl.errors import UsageError
from morph_cl.morph.graph.checks import check_graph

_ADVICE = "Give a file that KnowledgeGraph.write_json or write_graphml wrote."


def to_node_link(graph: nx.MultiDiGraph[str]) -> dict[str, Any]:
    """Nodes and edges as JSON-able data.

    Args:
        graph: the graph.

    Returns:
        networkx's node-link form; the version is in its ``graph``.
    """
    data: dict[str, Any] = nx.node_link_data(graph, edges="edges")
    return data


def from_node_link(data: Any) -> nx.MultiDiGraph[str]:
    """The graph that :func:`to_node_link` described.

    Args:
        data: nodes and edges.

    Returns:
        An equal graph.

    Raises:
        UsageError: it is none, is incomplete, or is of another version.
    """
    try:
        read = nx.node_link_graph(data, directed=True, multigraph=True, edges="edges")
    except (nx.NetworkXError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"no knowledge graph in node-link form: {_cause(error)}. {_ADVICE}") from error
    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph(read)
    check_graph(graph)
    return graph


def parse_json(text: str) -> nx.MultiDiGraph[str]:
    """The graph in a JSON text.

    Args:
        text: the text.

    Returns:
        The graph.

    Raises:
        UsageError: it is not JSON, or not such a graph.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"no JSON: {_cause(error)}. {_ADVICE}") from error
    return from_node_link(data)


def format_graphml(graph: nx.MultiDiGraph[str]) -> str:
    """The graph in GraphML, where an edge's id is a running number and its relation an attribute.

    Args:
        graph: the graph.

    Returns:
        The text.
    """
    plain: nx.MultiDiGraph[str] = nx.MultiDiGraph(**graph.graph)
    plain.add_nodes_from(graph.nodes(data=True))
    for place, (a, b, relation, data) in enumerate(graph.edges(keys=True, data=True)):
        plain.add_edge(a, b, key=f"e{place}", relation=relation, **data)  # ids are unique in a GraphML file
    return "\n".join(nx.generate_graphml(plain)) + "\n"


def parse_graphml(text: str) -> nx.MultiDiGraph[str]:
    """The graph in a GraphML text.

    Args:
        text: the text.

    Returns:
        The graph that :func:`format_graphml` was given.

    Raises:
        UsageError: it is not GraphML, or not such a graph.
    """
    try:
        plain = nx.parse_graphml(text, force_multigraph=True)
        graph: nx.MultiDiGraph[str] = nx.MultiDiGraph(version=plain.graph["version"])
        graph.add_nodes_from(plain.nodes(data=True))
        for a, b, data in plain.edges(data=True):
            relation = data.pop("relation")
            if graph.has_edge(a, b, key=relation):
                raise UsageError(f"{a} has the relation {relation} to {b} twice. {_ADVICE}")
            graph.add_edge(a, b, key=relation, **data)
    except (nx.NetworkXError, ParseError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"no knowledge graph in GraphML: {_cause(error)}. {_ADVICE}") from error
    check_graph(graph)
    return graph


def read_text(path: Path | str) -> str:
    """The text of a file.

    Args:
        path: the file.

    Returns:
        Its content.

    Raises:
        UsageError: it is missing, unreadable or not UTF-8.
    """
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {str(path)!r}: {_cause(error)}. {_ADVICE}") from error


def _cause(error: Exception) -> str:
    return f"it has no {error}" if isinstance(error, KeyError) else str(error)
