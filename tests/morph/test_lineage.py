"""Where experts come from and what they own, by events alone."""

from __future__ import annotations

from typing import Any

from morph_cl.morph.graph import KnowledgeGraph
from morph_cl.morph.lineage import events_of, owners_of_experiences, parents_and_births, relations_between_experts
from morph_cl.results.record import Event


def event(kind: str, experience: int, **detail: Any) -> Event:
    return Event(kind=kind, experience=experience, iteration=100 * experience, detail=detail)


EVENTS = [
    event("sleep", 0),
    event("growth", 1, expert=1, parent=0),
    event("growth", 2, expert=2, parent=None),
    event("growth-refused", 3, reason="max_experts", closest=1),
    event("reuse", 3, expert=1),
    event("growth", 4, expert=3, parent=2),
    event("merge", 4, kept=1, dropped=2),
    event("prune", 4, expert=0),
]


def test_parents_and_births() -> None:
    assert parents_and_births(EVENTS) == {0: (None, 0), 1: (0, 1), 2: (None, 2), 3: (2, 4)}


def test_a_split_is_a_birth() -> None:
    events = [*EVENTS, event("split", 5, expert=4, parent=3)]
    assert parents_and_births(events)[4] == (3, 5)
    assert [e.kind for e in events_of(events, 4)] == ["split"]
    assert owners_of_experiences(events, 6)[4] == 3


def test_experiences_go_with_merges_and_are_lost_with_pruned_experts() -> None:
    assert owners_of_experiences(EVENTS[:5], 4) == {0: 0, 1: 1, 2: 2, 3: 1}
    assert owners_of_experiences(EVENTS, 5) == {1: 1, 2: 1, 3: 1, 4: 3}
    assert owners_of_experiences([], 3) == {0: 0, 1: 0, 2: 0}


def test_an_expert_is_named_by_its_growth_its_reuse_and_its_merges() -> None:
    assert [(e.kind, e.experience) for e in events_of(EVENTS, 1)] == [("growth", 1), ("reuse", 3), ("merge", 4)]
    assert events_of(EVENTS, 0) == []


def test_relations_are_those_between_experts_the_strongest_first() -> None:
    graph = KnowledgeGraph()
    graph.add_expert(0)
    graph.add_expert(4, parent=0)
    graph.set_concepts(4, {1: 20})
    graph.graph.add_edge("expert:0", "expert:4", key="similarity", weight=0.9)
    found = relations_between_experts(graph.to_json())
    assert [(set(r.experts), r.kind, r.weight) for r in found] == [
        ({0, 4}, "similarity", 0.9),
        ({0, 4}, "specialisation", 0.5),
    ]
