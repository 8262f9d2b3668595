"""Where each expert comes from and what it owns, read off the record's events and the exported graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from morph_cl.results.explanation import Relation
from morph_cl.results.record import Event


def parents_and_births(events: Sequence[Event]) -> dict[int, tuple[int | None, int]]:
    """Parent and experience of birth of every expert that ever was.

    Args:
        events: the events of a run, oldest first.

    Returns:
        By number; the first expert has no parent and is there from experience 0 on.
    """
    born: dict[int, tuple[int | None, int]] = {0: (None, 0)}
    for event in events:
        if event.kind in ("growth", "split"):
            born[event.detail["expert"]] = (event.detail["parent"], event.experience)
    return born


def events_of(events: Sequence[Event], number: int) -> list[Event]:
    """The growth or split, reuse and merges that name an expert.

    Args:
        events: the events of a run, oldest first.
        number: the expert's number.

    Returns:
        Those of them that made the expert what it is.
    """
    named = {"growth": "expert", "split": "expert", "reuse": "expert", "merge": "kept"}
    return [event for event in events if event.kind in named and event.detail[named[event.kind]] == number]


def owners_of_experiences(events: Sequence[Event], experiences: int) -> dict[int, int]:
    """Which expert's concepts hold each experience, for a run that was told the boundaries.

    Args:
        events: the events of the run, oldest first.
        experiences: how many there were.

    Returns:
        The expert's number by experience; a merge hands experiences on, those of a pruned expert are left out.
    """
    owners: dict[int, int] = {}
    learner = 0
    for experience in range(experiences):
        here = [event for event in events if event.experience == experience]
        learner = next((event.detail["expert"] for event in here if event.kind in ("growth", "reuse")), learner)
        owners[experience] = learner
        for event in here:
            if event.kind == "merge":
                kept, dropped = event.detail["kept"], event.detail["dropped"]
                owners = {at: kept if owner == dropped else owner for at, owner in owners.items()}
            elif event.kind == "prune":
                owners = {at: owner for at, owner in owners.items() if owner != event.detail["expert"]}
    return owners


def relations_between_experts(graph: Mapping[str, Any]) -> list[Relation]:
    """What relates experts in the knowledge graph.

    Args:
        graph: nodes and edges, as the graph's ``to_json`` gives them.

    Returns:
        The relations, the strongest first.
    """
    numbers = {node["id"]: int(node["number"]) for node in graph["nodes"] if node["kind"] == "expert"}
    found = [
        Relation(
            experts=(numbers[edge["source"]], numbers[edge["target"]]),
            kind=edge["key"],
            weight=float(edge.get("weight", 1.0)),
        )
        for edge in graph["edges"]
        if edge["source"] in numbers and edge["target"] in numbers
    ]
    return sorted(found, key=lambda relation: (-relation.weight, relation.kind, relation.experts))
