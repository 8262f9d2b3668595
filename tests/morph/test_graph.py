from __future__ import annotations

import json
from pathlib import Path

import networkx as nx
import pytest
import torch

from morph_cl.morph.graph import KnowledgeGraph, concept_node, expert_node


@pytest.fixture
def knowledge() -> KnowledgeGraph:
    graph = KnowledgeGraph()
    graph.add_expert(0)
    graph.add_expert(2, parent=0)
    graph.add_expert(5, parent=2)
    for number in (0, 2, 5):
        graph.set_concepts(number, {1: 30, 3: 10})
    graph.set_similarity(torch.tensor([[1.0, 0.5, 0.1], [0.5, 1.0, 0.4], [0.1, 0.4, 1.0]]), [0, 2, 5])
    return graph


def test_nodes_and_relations(knowledge: KnowledgeGraph) -> None:
    assert knowledge.experts == [0, 2, 5]
    assert knowledge.graph[expert_node(0)][expert_node(2)].keys() == {"specialisation", "similarity"}
    assert knowledge.graph[expert_node(2)][concept_node(2, 1)]["owns"]["weight"] == pytest.approx(0.75)


def test_affinity_is_symmetric_in_the_order_asked_for(knowledge: KnowledgeGraph) -> None:
    affinity = knowledge.affinity_matrix([5, 0, 2])
    assert torch.equal(affinity, affinity.T)
    torch.testing.assert_close(affinity[0], torch.tensor([0.0, 0.1, 0.4]))


def test_nearest_experts_of_a_concept_begin_with_its_owner(knowledge: KnowledgeGraph) -> None:
    nearest = knowledge.nearest_experts(5, label=3)
    assert nearest[0] == (5, 1.0)
    assert [number for number, _ in nearest] == [5, 2, 0]
    assert knowledge.nearest_experts(9) == []


def test_taking_two_experts_together_strengthens_them_and_decay_weakens(knowledge: KnowledgeGraph) -> None:
    before = float(knowledge.affinity_matrix([0, 2, 5])[0, 2])
    knowledge.activate(torch.tensor([[0.5, 0.0, 0.5]]).repeat(4, 1), [0, 2, 5])
    strengthened = float(knowledge.affinity_matrix([0, 2, 5])[0, 2])
    assert strengthened > before
    # What routing earned outlives a renewal from densities.
    knowledge.set_similarity(torch.tensor([[1.0, 0.5, 0.1], [0.5, 1.0, 0.4], [0.1, 0.4, 1.0]]), [0, 2, 5])
    assert float(knowledge.affinity_matrix([0, 2, 5])[0, 2]) == pytest.approx(strengthened)
    knowledge.decay(0.5)
    assert float(knowledge.affinity_matrix([0, 2, 5])[0, 2]) == pytest.approx(strengthened / 2)
    assert knowledge.decay(1e-3) == 3


def test_clones_of_a_removed_expert_pass_to_its_heir(knowledge: KnowledgeGraph) -> None:
    knowledge.remove_expert(2, heir=0)
    assert knowledge.experts == [0, 5]
    assert "specialisation" in knowledge.graph[expert_node(0)][expert_node(5)]
    assert concept_node(2, 1) not in knowledge.graph


def test_json_and_graphml_round_trip(knowledge: KnowledgeGraph, tmp_path: Path) -> None:
    again = KnowledgeGraph.from_json(json.loads(json.dumps(knowledge.to_json())))
    assert nx.utils.graphs_equal(again.graph, knowledge.graph)
    assert torch.equal(again.affinity_matrix([0, 2, 5]), knowledge.affinity_matrix([0, 2, 5]))
    knowledge.write_graphml(tmp_path / "graph.graphml")
    read = nx.read_graphml(tmp_path / "graph.graphml", force_multigraph=True)
    assert set(read.nodes) == set(knowledge.graph.nodes)
    assert read.number_of_edges() == knowledge.graph.number_of_edges()
