"""The knowledge graph: experts, what they know, the regions they form, and what relates them."""

from morph_cl.morph.graph.density import Signature, concept_similarity, signatures
from morph_cl.morph.graph.knowledge import KnowledgeGraph
from morph_cl.morph.graph.schema import concept_node, expert_node, region_node
from morph_cl.morph.graph.store import Link

__all__ = [
    "KnowledgeGraph",
    "Link",
    "Signature",
    "concept_node",
    "concept_similarity",
    "expert_node",
    "region_node",
    "signatures",
]
