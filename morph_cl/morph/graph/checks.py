"""Whether a graph that came from outside keeps the vocabulary, so that no later query trips over it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import networkx as nx

from morph_cl.errors import UsageError
from morph_cl.morph.graph.density import Signature
from morph_cl.morph.graph.schema import (
    COMPOSITION,
    CONCEPT,
    EXPERT,
    KINDS,
    OWNS,
    REGION,
    RELATIONS,
    SIMILARITY,
    VERSION,
    concept_node,
    expert_node,
    region_node,
)
from morph_cl.morph.graph.store import lineage

_FIELDS: dict[str, dict[str, type]] = {
    EXPERT: {"number": int, "activations": float},
    CONCEPT: {"number": int, "label": int, "count": int},
    REGION: {"number": int, "level": int, "cohesion": float},
}
_SIGNATURE: dict[str, type] = {"mean": str, "log_volume": float}


def check_graph(graph: nx.MultiDiGraph[str]) -> None:
    """Refuse a graph that no :class:`~morph_cl.morph.graph.KnowledgeGraph` could have made.

    Args:
        graph: the graph, just read.

    Raises:
        UsageError: another version; a node or an edge with an unknown kind, wrong fields or a weight outside [0, 1];
            a concept without its expert; regions or a lineage that contain themselves.
    """
    version = graph.graph.get("version")
    if version != VERSION or type(version) is not int:
        raise UsageError(
            f"the knowledge graph is of version {version!r}; this morph-cl reads version {VERSION}: export it anew."
        )
    _check_fields("the graph", graph.graph, {"version": int})
    for node, data in graph.nodes(data=True):
        _check_node(node, data)
    for a, b, relation, data in graph.edges(keys=True, data=True):
        _check_edge(graph, a, b, relation, data)
    _check_shape(graph)


def _check_node(node: str, data: dict[str, Any]) -> None:
    kind = data.get("kind")
    if kind not in KINDS:
        raise UsageError(f"node {node!r} is of kind {kind!r}; known are {', '.join(KINDS)}.")
    fields = {"kind": str, **_FIELDS[kind]}
    if kind == CONCEPT and data.keys() & _SIGNATURE.keys():
        fields |= _SIGNATURE
    _check_fields(f"node {node!r}", data, fields)
    if kind == REGION:
        _check_unit(f"node {node!r}", "cohesion", data)
    if "mean" in data:
        _check_mean(node, data)
    names = {
        EXPERT: lambda: expert_node(data["number"]),
        CONCEPT: lambda: concept_node(data["number"], data["label"]),
        REGION: lambda: region_node(data["number"]),
    }
    if node != names[kind]():
        raise UsageError(f"node {node!r} says that it is {names[kind]()!r}; name and numbers must agree.")


def _check_mean(node: str, data: dict[str, Any]) -> None:
    try:
        Signature.parse(data["mean"], data["log_volume"])
    except ValueError as error:
        raise UsageError(f"node {node!r} has mean={data['mean']!r}; give numbers, separated by spaces.") from error


def _check_edge(graph: nx.MultiDiGraph[str], a: str, b: str, relation: str, data: dict[str, Any]) -> None:
    if relation not in RELATIONS:
        raise UsageError(f"{a} has an unknown relation {relation!r} to {b}; known are {', '.join(RELATIONS)}.")
    what, allowed = f"{relation} of {a} and {b}", RELATIONS[relation]
    source, target = graph.nodes[a], graph.nodes[b]
    if a == b or source["kind"] != allowed.source or target["kind"] not in allowed.targets:
        raise UsageError(f"{what}: it leads from one {allowed.source} to another node, {' or '.join(allowed.targets)}.")
    fields = {"weight": float, "earned": float} if relation == SIMILARITY else {"weight": float}
    _check_fields(what, data, fields)
    for name in fields:
        _check_unit(what, name, data)
    if relation == SIMILARITY and source["number"] > target["number"]:
        raise UsageError(f"{what}: similarity is stored once, from the smaller number to the larger.")
    if relation == OWNS and source["number"] != target["number"]:
        raise UsageError(f"{what}: an expert owns its own concepts only.")
    if relation == COMPOSITION and target["kind"] == REGION and target["level"] >= source["level"]:
        raise UsageError(f"{what}: a region is made of regions of finer levels.")


def _check_fields(what: str, data: dict[str, Any], fields: Mapping[str, type]) -> None:
    """Refuse missing or further fields and values of another type, or that are not finite."""
    if data.keys() != fields.keys():
        raise UsageError(f"{what} has the fields {sorted(data)}; it needs {sorted(fields)}.")
    for name, kind in fields.items():
        value = data[name]
        if type(value) is not kind or (isinstance(value, float) and not math.isfinite(value)):
            raise UsageError(f"{what} has {name}={value!r}; it needs a finite {kind.__name__}.")


def _check_unit(what: str, name: str, data: dict[str, Any]) -> None:
    if not 0.0 <= data[name] <= 1.0:
        raise UsageError(f"{what} has {name}={data[name]!r}; it needs a number in [0, 1].")


def _check_shape(graph: nx.MultiDiGraph[str]) -> None:
    """Refuse what single nodes and edges do not show."""
    for node, data in graph.nodes(data=True):
        if data["kind"] == CONCEPT and not graph.in_degree(node):
            raise UsageError(f"node {node!r} is owned by no expert; every concept needs its {OWNS} edge.")
        above = [a for a, _, key in graph.in_edges(node, keys=True) if key == COMPOSITION]
        if len(above) > 1:
            raise UsageError(f"node {node!r} is a member of {' and '.join(above)}; it can be in one region only.")
        if data["kind"] == REGION and graph.out_degree(node) < 2:
            raise UsageError(f"node {node!r} has {graph.out_degree(node)} members; a region needs two.")
    if not nx.is_directed_acyclic_graph(lineage(graph)):
        raise UsageError("an expert descends from itself; specialisation and split must not form a circle.")
