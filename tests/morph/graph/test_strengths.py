from __future__ import annotations

import pytest
import torch

from morph_cl.errors import UsageError
from morph_cl.morph.graph import KnowledgeGraph


def test_taking_two_experts_together_strengthens_them_and_decay_weakens(
    knowledge: KnowledgeGraph, overlap: torch.Tensor
) -> None:
    before = float(knowledge.affinity_matrix([0, 2, 5])[0, 2])
    knowledge.activate(torch.tensor([[0.5, 0.0, 0.5]]).repeat(4, 1), [0, 2, 5])
    strengthened = float(knowledge.affinity_matrix([0, 2, 5])[0, 2])
    assert strengthened > before
    assert knowledge.graph.nodes["expert:5"]["activations"] == 2.0
    # What routing earned outlives a renewal from densities.
    knowledge.set_similarity(overlap, [0, 2, 5])
    assert float(knowledge.affinity_matrix([0, 2, 5])[0, 2]) == pytest.approx(strengthened)
    knowledge.decay(0.5)
    assert float(knowledge.affinity_matrix([0, 2, 5])[0, 2]) == pytest.approx(strengthened / 2)
    assert knowledge.decay(1e-3) == 3
    assert knowledge.summary()["relations"]["similarity"] == 0


def test_a_similarity_that_fell_below_the_faintest_is_dropped(knowledge: KnowledgeGraph, overlap: torch.Tensor) -> None:
    overlap[0, 2] = overlap[2, 0] = 0.001
    knowledge.set_similarity(overlap, [0, 2, 5])
    assert not knowledge.graph.has_edge("expert:0", "expert:5")


def test_dependency_is_the_mean_share_that_another_gets_of_ones_samples(knowledge: KnowledgeGraph) -> None:
    shares = torch.tensor([[0.6, 0.4, 0.0], [0.8, 0.2, 0.0], [0.0, 0.0, 1.0]])
    knowledge.set_dependency(shares, torch.tensor([0, 0, 2]), [0, 2, 5])
    expected = torch.tensor([[0.0, 0.3, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    torch.testing.assert_close(knowledge.dependency_matrix([0, 2, 5]), expected)


def test_dependency_follows_new_measurements_and_fades(knowledge: KnowledgeGraph) -> None:
    numbers, owner = [0, 2, 5], torch.tensor([0])
    knowledge.set_dependency(torch.tensor([[0.6, 0.4, 0.0]]), owner, numbers)
    knowledge.set_dependency(torch.tensor([[0.2, 0.8, 0.0]]), owner, numbers)
    assert knowledge.weight("expert:0", "expert:2", "dependency") == pytest.approx(0.6)
    knowledge.set_dependency(torch.tensor([[0.0, 0.0, 1.0]]), torch.tensor([2]), numbers)  # says nothing of expert 0
    assert knowledge.weight("expert:0", "expert:2", "dependency") == pytest.approx(0.6)
    knowledge.decay(0.5)
    assert knowledge.weight("expert:0", "expert:2", "dependency") == pytest.approx(0.3)
    for _ in range(6):
        knowledge.set_dependency(torch.tensor([[1.0, 0.0, 0.0]]), owner, numbers)
    assert knowledge.summary()["relations"]["dependency"] == 0


@pytest.mark.parametrize("numbers", [[0, 2], [0, 2, 2], [0, 2, 9]])
def test_tables_name_each_expert_once(knowledge: KnowledgeGraph, overlap: torch.Tensor, numbers: list[int]) -> None:
    before = knowledge.to_json()
    with pytest.raises(UsageError):
        knowledge.set_similarity(overlap, numbers)
    with pytest.raises(UsageError):
        knowledge.activate(overlap, numbers)
    with pytest.raises(UsageError):
        knowledge.set_dependency(overlap, torch.tensor([0, 1, 2]), numbers)
    assert knowledge.to_json() == before


@pytest.mark.parametrize("factor", [0.0, -0.5, 1.01, float("nan")])
def test_decay_refuses_a_factor_that_is_none(knowledge: KnowledgeGraph, factor: float) -> None:
    with pytest.raises(UsageError, match=r"not in \(0, 1\]"):
        knowledge.decay(factor)
