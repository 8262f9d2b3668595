from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from morph_cl.errors import UsageError
from morph_cl.morph.graph import KnowledgeGraph
from morph_cl.morph.graph.exchange import format_graphml, parse_graphml, parse_json


def types(graph: KnowledgeGraph) -> list[tuple[str, type]]:
    nodes = [data for _, data in graph.graph.nodes(data=True)]
    edges = [data for _, _, data in graph.graph.edges(data=True)]
    return [(name, type(value)) for data in (graph.graph.graph, *nodes, *edges) for name, value in data.items()]


@pytest.mark.parametrize("form", ["json", "graphml"])
def test_a_file_gives_the_same_graph_back(whole: KnowledgeGraph, tmp_path: Path, form: str) -> None:
    path = tmp_path / f"graph.{form}"
    getattr(whole, f"write_{form}")(path)
    again = getattr(KnowledgeGraph, f"read_{form}")(path)
    assert nx.utils.graphs_equal(again.graph, whole.graph)
    assert sorted(types(again), key=str) == sorted(types(whole), key=str)
    assert again.to_json()["nodes"] == whole.to_json()["nodes"]
    assert again.signature(2, 1) == whole.signature(2, 1)
    again.remove_expert(2, heir=0)  # it is a graph that can go on
    assert again.experts == [0, 5, 7]


def test_other_tools_find_the_relation_and_unique_ids_in_graphml(whole: KnowledgeGraph, tmp_path: Path) -> None:
    whole.write_graphml(tmp_path / "graph.graphml")
    read = nx.read_graphml(tmp_path / "graph.graphml", force_multigraph=True)
    relations = [data["relation"] for _, _, data in read.edges(data=True)]
    assert {name: relations.count(name) for name in set(relations)} == whole.summary()["relations"]
    assert len({key for _, _, key in read.edges(keys=True)}) == len(relations)


def test_another_version_is_refused(whole: KnowledgeGraph, tmp_path: Path) -> None:
    for version in (2, "1", None):
        data = whole.to_json()
        data["graph"] = {"version": version} if version else {}
        with pytest.raises(UsageError, match=f"of version {version!r}; this morph-cl reads version 1"):
            KnowledgeGraph.from_json(data)
    whole.graph.graph["version"] = 7
    whole.write_graphml(tmp_path / "graph.graphml")
    with pytest.raises(UsageError, match="of version 7"):
        KnowledgeGraph.read_graphml(tmp_path / "graph.graphml")


def node(data: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(entry for entry in data["nodes"] if entry["id"] == name)
    return found


def edge(data: dict[str, Any], relation: str) -> dict[str, Any]:
    found: dict[str, Any] = next(entry for entry in data["edges"] if entry["key"] == relation)
    return found


BROKEN: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "no nodes": (lambda data: data.pop("nodes"), "has no 'nodes'"),
    "no edges": (lambda data: data.pop("edges"), "has no 'edges'"),
    "more about the graph": (lambda data: data["graph"].update(name={}), "the graph has the fields"),
    "kind": (lambda data: node(data, "expert:0").update(kind="table"), "of kind 'table'"),
    "missing field": (lambda data: node(data, "expert:0").pop("activations"), "needs .*activations"),
    "further field": (lambda data: node(data, "expert:0").update(extra=1), "has the fields"),
    "type": (lambda data: node(data, "expert:0").update(activations="3"), "activations='3'"),
    "bool": (lambda data: node(data, "concept:0:1").update(count=True), "count=True"),
    "infinite": (lambda data: node(data, "expert:0").update(activations=float("inf")), "finite float"),
    "mean": (lambda data: node(data, "concept:0:1").update(mean="a b"), "mean='a b'"),
    "half a signature": (lambda data: node(data, "concept:0:1").pop("log_volume"), "needs .*log_volume"),
    "cohesion": (lambda data: node(data, "region:0").update(cohesion=1.5), r"cohesion=1.5.*\[0, 1\]"),
    "name": (lambda data: node(data, "concept:0:1").update(label=2), "says that it is 'concept:0:2'"),
    "unknown end": (lambda data: edge(data, "split").update(target="expert:99"), "node 'expert:99' is of kind None"),
    "relation": (lambda data: edge(data, "split").update(key="likes"), "unknown relation 'likes'"),
    "weight": (lambda data: edge(data, "dependency").update(weight=-0.1), r"weight=-0.1.*\[0, 1\]"),
    "not a number": (lambda data: edge(data, "dependency").update(weight=float("nan")), "weight=nan"),
    "ends": (lambda data: edge(data, "owns").update(target="expert:5"), "owns of expert:0 and expert:5"),
    "loop": (lambda data: edge(data, "split").update(target="expert:7"), "to another node"),
    "order": (lambda data: edge(data, "similarity").update(source="expert:7"), "from the smaller number"),
    "another's concept": (lambda data: edge(data, "owns").update(target="concept:2:1"), "its own concepts only"),
    "orphan": (lambda data: data["edges"].remove(edge(data, "owns")), "owned by no expert"),
    "level": (lambda data: node(data, "region:0").update(level=1), "regions of finer levels"),
    "two regions": (
        lambda data: data["edges"].append(edge(data, "composition") | {"source": "region:1"}),
        "one region",
    ),
    "small region": (lambda data: data["edges"].remove(edge(data, "composition")), "a region needs two"),
    "circle": (
        lambda data: data["edges"].append(edge(data, "split") | {"source": "expert:0", "target": "expert:5"}),
        "descends from itself",
    ),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_graph_that_breaks_the_vocabulary_is_refused(whole: KnowledgeGraph, fault: str) -> None:
    data = copy.deepcopy(whole.to_json())
    assert KnowledgeGraph.from_json(data).experts == [0, 2, 5, 7]
    damage, message = BROKEN[fault]
    damage(data)
    with pytest.raises(UsageError, match=message):
        KnowledgeGraph.from_json(data)


def test_files_that_hold_no_graph_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken"
    for read in (KnowledgeGraph.read_json, KnowledgeGraph.read_graphml):
        with pytest.raises(UsageError, match=r"cannot read .*No such file"):
            read(path)
    for content in (
        b"",
        b"[]",
        b'{"nodes": 3}',
        b"null",
        b"<graphml",
        b"<html></html>",
        b"\xff\xfe\x00",
        b"[" * 99_999,
    ):
        path.write_bytes(content)
        for read in (KnowledgeGraph.read_json, KnowledgeGraph.read_graphml):
            with pytest.raises(UsageError, match=r"Give a file that|reads version 1"):
                read(path)


def test_an_edge_that_graphml_has_twice_is_refused(whole: KnowledgeGraph) -> None:
    text = format_graphml(whole.graph)
    start = text.index('<edge source="expert:7"')
    split = text[start : text.index("</edge>", start) + len("</edge>")]
    with pytest.raises(UsageError, match="expert:7 has the relation split to expert:2 twice"):
        parse_graphml(text.replace(split, split + split.replace('id="e', 'id="x')))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), form=st.sampled_from(["json", "graphml"]))
def test_damaged_text_is_refused_or_still_a_graph(whole: KnowledgeGraph, data: st.DataObject, form: str) -> None:
    text = json.dumps(whole.to_json()) if form == "json" else format_graphml(whole.graph)
    start = data.draw(st.integers(0, len(text) - 1))
    end = start + data.draw(st.integers(0, 20))
    damaged = text[:start] + data.draw(st.text(max_size=5)) + text[end:]
    try:
        graph = (parse_json if form == "json" else parse_graphml)(damaged)
    except UsageError:
        return
    knowledge = KnowledgeGraph._of(graph)
    assert ask_everything(knowledge) == len(knowledge.experts)


def ask_everything(knowledge: KnowledgeGraph) -> int:
    """Ask everything that a sleep asks."""
    knowledge.set_hierarchy(knowledge.experts)
    knowledge.decay(0.5)
    for number in knowledge.experts:
        knowledge.nearest_experts(number)
    return len(knowledge.centrality())
