from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from morph_cl.errors import UsageError
from morph_cl.morph.graph import KnowledgeGraph
from morph_cl.morph.graph.hierarchy import average_linkage


@pytest.fixture
def six() -> KnowledgeGraph:
    """0 and 1 are close, 2 and 3 are close, the two pairs are alike, 4 is a little like them, 5 like none."""
    affinity = torch.full((6, 6), 0.3)
    affinity[0, 1] = affinity[2, 3] = 0.8
    affinity[:, 4], affinity[:, 5] = 0.12, 0.0
    affinity = affinity.triu(1) + affinity.triu(1).T
    graph = KnowledgeGraph()
    for number in range(6):
        graph.add_expert(number)
    graph.set_similarity(affinity, range(6))
    graph.set_hierarchy(range(6))
    return graph


def test_regions_form_level_upon_level(six: KnowledgeGraph) -> None:
    assert six.regions(0) == {0: [0, 1], 1: [2, 3]}
    assert six.regions(1) == {2: [0, 1, 2, 3]}
    assert six.regions(2) == six.regions(9) == {3: [0, 1, 2, 3, 4]}
    assert [six.region_of(3, level) for level in range(3)] == [1, 2, 3]
    assert [six.region_of(4, level) for level in range(3)] == [None, None, 3]
    assert six.region_of(5, 2) is None
    with pytest.raises(UsageError, match="expert:6"):
        six.region_of(6, 0)


def test_regions_are_made_of_regions_with_how_well_each_member_belongs(six: KnowledgeGraph) -> None:
    members = {link.target: link.weight for link in six.neighbours("region:3", "composition")}
    assert members == pytest.approx({"region:2": 0.12, "expert:4": 0.12})
    assert {link.target for link in six.neighbours("region:2") if link.source == "region:2"} == {"region:0", "region:1"}
    assert six.graph.nodes["region:0"]["cohesion"] == pytest.approx(0.8)
    assert six.graph.nodes["region:2"]["cohesion"] == pytest.approx((2 * 0.8 + 4 * 0.3) / 6)


def test_a_region_that_stays_whole_at_the_next_level_is_the_same_node(six: KnowledgeGraph) -> None:
    six.set_hierarchy(range(6), levels=(0.7, 0.5))
    assert six.regions(0) == six.regions(1) == {0: [0, 1], 1: [2, 3]}
    assert six.summary()["nodes"]["region"] == 2


@pytest.mark.parametrize("levels", [(0.2, 0.5), (0.5, 0.5), (1.5, 0.5), (0.5, 0.0), (float("nan"),)])
def test_levels_must_fall_within_their_range(six: KnowledgeGraph, levels: tuple[float, ...]) -> None:
    with pytest.raises(UsageError, match="must fall"):
        six.set_hierarchy(range(6), levels)
    assert six.regions(0) == {0: [0, 1], 1: [2, 3]}


@given(st.integers(2, 8), st.integers(0, 10_000))
def test_groups_are_those_of_scipy(experts: int, seed: int) -> None:
    affinity = torch.rand(experts, experts, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    affinity = affinity.triu(1) + affinity.triu(1).T
    levels = (0.7, 0.5, 0.3)
    tree = linkage(squareform((1.0 - affinity).fill_diagonal_(0.0).numpy()), "average")
    for level, groups in zip(levels, average_linkage(affinity, levels), strict=True):
        labels = fcluster(tree, 1.0 - level, "distance")
        theirs = {frozenset((labels == label).nonzero()[0].tolist()) for label in labels}
        assert {frozenset(group) for group in groups} == theirs
