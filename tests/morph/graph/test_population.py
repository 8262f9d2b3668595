from __future__ import annotations

import pytest
import torch

from morph_cl.errors import UsageError
from morph_cl.morph.graph import KnowledgeGraph, Signature, concept_node, expert_node


def test_nodes_and_relations_have_their_directions(knowledge: KnowledgeGraph) -> None:
    assert knowledge.experts == [0, 2, 5]
    assert knowledge.graph[expert_node(0)][expert_node(2)].keys() == {"similarity"}
    assert knowledge.graph[expert_node(2)][expert_node(0)].keys() == {"specialisation"}  # from clone to parent
    assert knowledge.graph[expert_node(2)][concept_node(2, 1)]["owns"]["weight"] == pytest.approx(0.75)


def test_an_expert_is_added_once_and_only_below_a_known_parent(knowledge: KnowledgeGraph) -> None:
    with pytest.raises(UsageError, match="expert:2 is in the graph already"):
        knowledge.add_expert(2)
    with pytest.raises(UsageError, match="unknown node 'expert:4'"):
        knowledge.add_expert(9, parent=4)
    assert knowledge.experts == [0, 2, 5]


def test_concepts_that_an_expert_no_longer_knows_are_dropped(knowledge: KnowledgeGraph) -> None:
    knowledge.set_concepts(2, {3: 5, 4: 5})
    assert concept_node(2, 1) not in knowledge.graph
    assert knowledge.weight(expert_node(2), concept_node(2, 4), "owns") == 0.5
    assert concept_node(0, 1) in knowledge.graph


def test_concepts_carry_the_signature_of_their_density(knowledge: KnowledgeGraph) -> None:
    assert knowledge.signature(2, 1) == Signature((0.25, -1.5e-4), -3.75)
    assert knowledge.signature(2, 3) is None
    with pytest.raises(UsageError, match="concept:2:1"):
        knowledge.signature(2, 7)


def test_a_split_leads_from_child_to_parent_and_never_in_a_circle(knowledge: KnowledgeGraph) -> None:
    knowledge.add_split(parent=2, child=8)
    assert knowledge.experts == [0, 2, 5, 8]
    assert knowledge.weight(expert_node(8), expert_node(2), "split") == 0.5
    assert knowledge.weight(expert_node(2), expert_node(8), "split") == 0.0
    for child in (0, 8):  # 8 descends from 0 by way of 2
        with pytest.raises(UsageError, match="cannot be split into"):
            knowledge.add_split(parent=8, child=child)


def test_clones_and_splits_of_a_removed_expert_pass_to_its_heir(knowledge: KnowledgeGraph) -> None:
    knowledge.add_split(2, 7)
    knowledge.remove_expert(2, heir=0)
    assert knowledge.experts == [0, 5, 7]
    assert knowledge.weight(expert_node(5), expert_node(0), "specialisation") == 0.5
    assert knowledge.weight(expert_node(7), expert_node(0), "split") == 0.5
    assert concept_node(2, 1) not in knowledge.graph


def test_an_heir_that_descends_from_a_clone_leaves_it_to_the_grandparent() -> None:
    graph = KnowledgeGraph()
    for number, parent in ((0, None), (1, 0), (2, 1), (3, 2), (4, 1)):
        graph.add_expert(number, parent)
    graph.remove_expert(1, heir=3)
    parents = {(link.source, link.target) for n in graph.experts for link in graph.neighbours(expert_node(n))}
    assert parents == {("expert:2", "expert:0"), ("expert:3", "expert:2"), ("expert:4", "expert:3")}


def test_an_heir_keeps_the_stronger_similarity_with_what_it_earned(
    knowledge: KnowledgeGraph, overlap: torch.Tensor
) -> None:
    knowledge.activate(torch.tensor([[0.0, 0.5, 0.5]]).repeat(4, 1), [0, 2, 5])  # 2 and 5 earn .1
    knowledge.remove_expert(2, heir=0)
    assert knowledge.weight(expert_node(5), expert_node(0), "similarity") == pytest.approx(0.5)
    knowledge.set_similarity(overlap[1:, 1:] * 0.5, [0, 5])
    assert knowledge.weight(expert_node(0), expert_node(5), "similarity") == pytest.approx(0.2 + 0.1)


def test_an_heir_is_leant_on_for_both() -> None:
    graph = KnowledgeGraph()
    for number in range(4):
        graph.add_expert(number)
    shares = torch.tensor([[0.4, 0.3, 0.2, 0.1], [0.2, 0.5, 0.1, 0.2], [0.0, 0.4, 0.6, 0.0]])
    graph.set_dependency(shares, torch.tensor([0, 1, 2]), [0, 1, 2, 3])
    graph.remove_expert(1, heir=2)
    assert graph.weight("expert:0", "expert:2", "dependency") == pytest.approx(0.3 + 0.2)
    assert graph.weight("expert:2", "expert:0", "dependency") == pytest.approx(0.2)
    assert graph.weight("expert:2", "expert:3", "dependency") == pytest.approx(0.2)
    assert not graph.graph.has_edge("expert:2", "expert:2")


def test_a_removal_that_names_no_other_expert_changes_nothing(knowledge: KnowledgeGraph) -> None:
    before = knowledge.to_json()
    for number, heir in ((9, 0), (0, 9), (2, 2)):
        with pytest.raises(UsageError):
            knowledge.remove_expert(number, heir)
    assert knowledge.to_json() == before


def test_a_region_left_with_one_member_dissolves(whole: KnowledgeGraph) -> None:
    # Split off 2, expert 7 is like no other; 0 and 2 are closest, 5 joins them a level up.
    assert whole.regions(0) == {0: [0, 2]}
    assert whole.regions(1) == {1: [0, 2, 5]}
    whole.remove_expert(0)
    assert whole.regions(0) == {}
    assert whole.regions(1) == {1: [2, 5]}
    whole.remove_expert(5)
    assert whole.summary()["nodes"]["region"] == 0
