from __future__ import annotations

import pytest
import torch

from morph_cl.morph.graph import KnowledgeGraph, Signature

OVERLAP = torch.tensor([[1.0, 0.5, 0.1], [0.5, 1.0, 0.4], [0.1, 0.4, 1.0]])


@pytest.fixture
def overlap() -> torch.Tensor:
    return OVERLAP.clone()


@pytest.fixture
def knowledge() -> KnowledgeGraph:
    """Experts 0 <- 2 <- 5, each of which knows the classes 1 and 3."""
    graph = KnowledgeGraph()
    graph.add_expert(0)
    graph.add_expert(2, parent=0)
    graph.add_expert(5, parent=2)
    for number in (0, 2, 5):
        graph.set_concepts(number, {1: 30, 3: 10}, {1: Signature((0.25, -1.5e-4), -3.75)})
    graph.set_similarity(OVERLAP, [0, 2, 5])
    return graph


@pytest.fixture
def whole(knowledge: KnowledgeGraph) -> KnowledgeGraph:
    """The same with every kind of node and relation."""
    shares = torch.tensor([[0.7, 0.3, 0.0], [0.0, 0.8, 0.2], [0.1, 0.3, 0.6]])
    knowledge.set_dependency(shares, torch.tensor([0, 1, 2]), [0, 2, 5])
    knowledge.activate(shares, [0, 2, 5])
    knowledge.add_split(2, 7)
    knowledge.set_hierarchy([0, 2, 5, 7])
    return knowledge
