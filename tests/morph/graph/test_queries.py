from __future__ import annotations

import pytest
import torch

from morph_cl.errors import UsageError
from morph_cl.morph.graph import KnowledgeGraph, Link


def test_nearest_experts_of_a_concept_begin_with_its_owner(knowledge: KnowledgeGraph) -> None:
    nearest = knowledge.nearest_experts(5, label=3)
    assert nearest[0] == (5, 1.0)
    assert [number for number, _ in nearest] == [5, 2, 0]


def test_nearest_experts_of_an_expert_are_reached_by_the_strongest_path(knowledge: KnowledgeGraph) -> None:
    assert knowledge.nearest_experts(5) == [(2, 0.5), (0, 0.25)]
    assert knowledge.nearest_experts(5, limit=1) == [(2, 0.5)]


def test_the_strongest_path_names_its_relations_in_their_own_direction(knowledge: KnowledgeGraph) -> None:
    knowledge.decay(0.9)  # similarity of 0 and 2 falls below their kinship
    links, strength = knowledge.strongest_path("concept:0:1", "expert:5")
    assert [(link.source, link.target, link.relation) for link in links] == [
        ("expert:0", "concept:0:1", "owns"),
        ("expert:2", "expert:0", "specialisation"),
        ("expert:5", "expert:2", "specialisation"),
    ]
    assert strength == pytest.approx(0.25)
    assert knowledge.strongest_path("expert:0", "expert:0") == ([], 1.0)


def test_of_equally_strong_paths_the_shortest_is_taken() -> None:
    graph = KnowledgeGraph()
    for number in range(3):
        graph.add_expert(number)
    graph.set_similarity(torch.ones(3, 3), [0, 1, 2])
    assert graph.strongest_path("expert:0", "expert:2") == ([Link("expert:0", "expert:2", "similarity", 1.0)], 1.0)


def test_nothing_leads_to_an_expert_without_relations(knowledge: KnowledgeGraph) -> None:
    knowledge.add_expert(9)
    assert knowledge.strongest_path("expert:0", "expert:9") == ([], 0.0)
    assert knowledge.nearest_experts(9) == []


def test_neighbours_are_filtered_by_relation_and_strongest_first(whole: KnowledgeGraph) -> None:
    around = whole.neighbours("expert:2")
    assert {link.relation for link in around} == {
        "owns",
        "similarity",
        "dependency",
        "composition",
        "specialisation",
        "split",
    }
    assert [link.weight for link in around] == sorted((link.weight for link in around), reverse=True)
    leaning = whole.neighbours("expert:2", "dependency")
    assert {(link.source, link.target) for link in leaning} == {
        ("expert:0", "expert:2"),
        ("expert:5", "expert:2"),
        ("expert:2", "expert:5"),
    }
    assert whole.weight("expert:2", "expert:0", "similarity") == whole.weight("expert:0", "expert:2", "similarity") > 0


def test_summary_counts_every_kind_and_relation(whole: KnowledgeGraph) -> None:
    assert whole.summary() == {
        "nodes": {"expert": 4, "concept": 6, "region": 2},
        "relations": {
            "owns": 6,
            "similarity": 3,
            "dependency": 4,
            "composition": 4,
            "specialisation": 2,
            "split": 1,
        },
    }


def test_unknown_names_are_refused_with_near_ones(knowledge: KnowledgeGraph) -> None:
    for ask in (
        lambda: knowledge.nearest_experts(9),
        lambda: knowledge.neighbours("expert:9"),
        lambda: knowledge.strongest_path("expert:0", "expert:9"),
        lambda: knowledge.strongest_path("expert:9", "expert:0"),
    ):
        with pytest.raises(UsageError, match=r"unknown node 'expert:9'.*'expert:5'"):
            ask()
    with pytest.raises(UsageError, match=r"concept:5:4.*'concept:5:1'"):
        knowledge.nearest_experts(5, label=4)
    for slip in ("???", 2):
        with pytest.raises(UsageError, match=r"Nodes are expert:N.* Known: expert:0, expert:2, expert:5"):
            knowledge.neighbours(slip)
    with pytest.raises(UsageError, match=r"unknown relation 'similar'.*'similarity'"):
        knowledge.neighbours("expert:0", "similar")
