from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from morph_cl.errors import UsageError
from morph_cl.morph.graph import KnowledgeGraph


def test_affinity_is_symmetric_in_the_order_asked_for(knowledge: KnowledgeGraph) -> None:
    affinity = knowledge.affinity_matrix([5, 0, 2])
    assert affinity.dtype == torch.float32
    assert torch.equal(affinity, affinity.T)
    torch.testing.assert_close(affinity[0], torch.tensor([0.0, 0.1, 0.4]))


def test_matrices_refuse_unknown_experts(knowledge: KnowledgeGraph) -> None:
    for matrix in (knowledge.affinity_matrix, knowledge.dependency_matrix, knowledge.prior_matrix):
        with pytest.raises(UsageError, match="expert:9"):
            matrix([0, 9])


def test_prior_mixes_similarity_dependency_and_regions(knowledge: KnowledgeGraph) -> None:
    knowledge.set_dependency(torch.tensor([[0.4, 0.0, 0.6]]), torch.tensor([0]), [0, 2, 5])
    knowledge.set_hierarchy([0, 2, 5], levels=(0.45, 0.2))
    similarity = torch.tensor([[0.0, 0.5, 0.1], [0.5, 0.0, 0.4], [0.1, 0.4, 0.0]])
    dependency = torch.tensor([[0.0, 0.0, 0.6], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    third = (0.5 + 0.1 + 0.4) / 3  # cohesion of the region of all, where 0 and 2 have their own
    kin = torch.tensor([[0.0, 0.5, third], [0.5, 0.0, third], [third, third, 0.0]])
    raw = torch.eye(3) + (similarity + dependency + kin) / 3
    torch.testing.assert_close(knowledge.prior_matrix([0, 2, 5]), raw / raw.sum(1, keepdim=True))


def test_an_expert_without_relations_keeps_its_probability(knowledge: KnowledgeGraph) -> None:
    knowledge.add_expert(9)
    assert knowledge.prior_matrix([9, 0])[0].tolist() == [1.0, 0.0]
    assert KnowledgeGraph().prior_matrix([]).shape == (0, 0)


def test_the_expert_that_others_are_like_is_central(knowledge: KnowledgeGraph) -> None:
    ranks = knowledge.centrality()
    assert list(ranks) == [2, 0, 5]
    assert sum(ranks.values()) == pytest.approx(1.0)
    assert KnowledgeGraph().centrality() == {}


SHARES = torch.tensor([[0.2, 0.8, 0.0], [0.5, 0.1, 0.4], [0.3, 0.3, 0.4]])
CHANGES: dict[str, Callable[[KnowledgeGraph], object]] = {
    "similarity": lambda graph: graph.set_similarity(torch.eye(3), [0, 2, 5]),
    "dependency": lambda graph: graph.set_dependency(SHARES, torch.arange(3), [0, 2, 5]),
    "activation": lambda graph: graph.activate(SHARES, [0, 2, 5]),
    "decay": lambda graph: graph.decay(0.5),
    "removal": lambda graph: graph.remove_expert(7),
    "heir": lambda graph: graph.remove_expert(7, 0),
    "hierarchy": lambda graph: graph.set_hierarchy([0, 2, 5], [0.05]),
    "no hierarchy": lambda graph: graph.set_hierarchy([0, 2, 5], [0.99]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_prior_that_is_kept_is_that_of_the_graph_as_it_is(whole: KnowledgeGraph, change: str) -> None:
    before = whole.prior_matrix([0, 2, 5])
    assert whole.prior_matrix([0, 2, 5]) is before
    CHANGES[change](whole)
    now = whole.prior_matrix([0, 2, 5])
    assert torch.equal(now, KnowledgeGraph.from_json(whole.to_json()).prior_matrix([0, 2, 5]))
    assert now is not before
    torch.testing.assert_close(whole.prior_matrix([5, 0, 2]), now[[2, 0, 1]][:, [2, 0, 1]])
