"""The vocabulary of the knowledge graph: kinds of nodes, their names, and relations with what they mean."""

from __future__ import annotations

from dataclasses import dataclass

VERSION = 1
"""Version of the vocabulary; an exported graph says which it was written in."""

EXPERT, CONCEPT, REGION = "expert", "concept", "region"
KINDS = (EXPERT, CONCEPT, REGION)

OWNS, SIMILARITY, DEPENDENCY = "owns", "similarity", "dependency"
COMPOSITION, SPECIALISATION, SPLIT = "composition", "specialisation", "split"

LINEAGE = (SPECIALISATION, SPLIT)
"""Relations that say where an expert's weights came from; together they never form a circle."""

FADING = (SIMILARITY, DEPENDENCY)
"""Relations that :meth:`~morph_cl.morph.graph.KnowledgeGraph.decay` weakens."""

FAINTEST = 0.01
"""Fading relations weaker than this are dropped."""

KINSHIP = 0.5
"""Strength of lineage: closeness of two experts of one origin, whatever their densities say."""


@dataclass(frozen=True)
class Relation:
    """What a relation means; the key of an edge is its relation's name, and its ``weight`` is in [0, 1].

    Args:
        source: kind of the node that the edge leaves.
        targets: kinds that it may reach.
        meaning: what its weight says.
    """

    source: str
    targets: tuple[str, ...]
    meaning: str


RELATIONS = {
    OWNS: Relation(EXPERT, (CONCEPT,), "share of the samples that the expert met that are of the concept's class"),
    SIMILARITY: Relation(
        EXPERT,
        (EXPERT,),
        "overlap of the two experts' densities, plus what being routed to together earned; symmetric, stored once, "
        "from the smaller number to the larger",
    ),
    DEPENDENCY: Relation(
        EXPERT, (EXPERT,), "mean share of routing that the target gets on samples that the source owns"
    ),
    COMPOSITION: Relation(
        REGION, (EXPERT, REGION), "mean similarity of the member's experts to the other experts of the region"
    ),
    SPECIALISATION: Relation(EXPERT, (EXPERT,), "the source began as a clone of the target"),
    SPLIT: Relation(EXPERT, (EXPERT,), "the source was split off the target when experts were reorganised"),
}


def expert_node(number: int) -> str:
    """The name of an expert's node."""
    return f"{EXPERT}:{number}"


def concept_node(number: int, label: int) -> str:
    """The name of the node of what an expert knows of a class."""
    return f"{CONCEPT}:{number}:{label}"


def region_node(number: int) -> str:
    """The name of a region's node."""
    return f"{REGION}:{number}"
