"""Whatever is done to the graph, it keeps its vocabulary and forgets nobody."""

from __future__ import annotations

import networkx as nx
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from morph_cl.morph.graph import KnowledgeGraph, Signature
from morph_cl.morph.graph.checks import check_graph
from morph_cl.morph.graph.exchange import format_graphml, parse_graphml
from morph_cl.morph.graph.schema import FADING

SEEDS = st.integers(0, 10_000)


def uniform(seed: int, *shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


class Life(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.knowledge = KnowledgeGraph()
        self.experts: list[int] = []
        self.fresh = 0

    def pick(self, choice: int) -> int | None:
        return self.experts[choice % len(self.experts)] if self.experts else None

    @rule(choice=SEEDS, cloned=st.booleans())
    def add(self, choice: int, cloned: bool) -> None:
        self.knowledge.add_expert(self.fresh, self.pick(choice) if cloned else None)
        self.experts.append(self.fresh)
        self.fresh += 1

    @precondition(lambda self: self.experts)
    @rule(choice=SEEDS)
    def split(self, choice: int) -> None:
        self.knowledge.add_split(self.pick(choice), self.fresh)
        self.experts.append(self.fresh)
        self.fresh += 1

    @precondition(lambda self: self.experts)
    @rule(choice=SEEDS, counts=st.dictionaries(st.integers(0, 4), st.integers(0, 100)), mean=st.floats(-9, 9))
    def learn(self, choice: int, counts: dict[int, int], mean: float) -> None:
        signatures = {label: Signature((mean, -mean), mean) for label in list(counts)[::2]}
        self.knowledge.set_concepts(self.pick(choice), counts, signatures)

    @precondition(lambda self: self.experts)
    @rule(choice=SEEDS, heir=SEEDS, inherited=st.booleans())
    def remove(self, choice: int, heir: int, inherited: bool) -> None:
        number = self.pick(choice)
        self.experts.remove(number)
        self.knowledge.remove_expert(number, self.pick(heir) if inherited else None)

    @rule(seed=SEEDS)
    def overlap(self, seed: int) -> None:
        similarity = uniform(seed, len(self.experts), len(self.experts)) ** 3
        self.knowledge.set_similarity(0.5 * (similarity + similarity.T), self.experts)

    @precondition(lambda self: self.experts)
    @rule(seed=SEEDS, samples=st.integers(0, 5))
    def route(self, seed: int, samples: int) -> None:
        shares = (4.0 * uniform(seed, samples, len(self.experts))).softmax(1)
        owners = (uniform(seed + 1, samples) * len(self.experts)).long()
        self.knowledge.activate(shares, self.experts, rate=1.0)
        self.knowledge.set_dependency(shares, owners, self.experts)

    @rule()
    def group(self) -> None:
        self.knowledge.set_hierarchy(self.experts)

    @rule(factor=st.floats(1e-3, 1.0))
    def decay(self, factor: float) -> None:
        before = {(a, b, key): data["weight"] for a, b, key, data in self.knowledge.graph.edges(keys=True, data=True)}
        dropped = self.knowledge.decay(factor)
        after = {(a, b, key): data["weight"] for a, b, key, data in self.knowledge.graph.edges(keys=True, data=True)}
        assert len(after) + dropped == len(before)
        for edge, weight in after.items():
            assert weight == before[edge] * (factor if edge[2] in FADING else 1.0) <= before[edge]

    @rule()
    def read_back(self) -> None:
        assert nx.utils.graphs_equal(parse_graphml(format_graphml(self.knowledge.graph)), self.knowledge.graph)
        again = KnowledgeGraph.from_json(self.knowledge.to_json())
        assert nx.utils.graphs_equal(again.graph, self.knowledge.graph)

    @invariant()
    def the_vocabulary_is_kept(self) -> None:
        check_graph(self.knowledge.graph)  # weights in [0, 1] among it
        assert self.knowledge.experts == sorted(self.experts)

    @invariant()
    def matrices_are_what_they_claim(self) -> None:
        affinity, prior = self.knowledge.affinity_matrix(self.experts), self.knowledge.prior_matrix(self.experts)
        assert torch.equal(affinity, affinity.T)
        assert not bool(affinity.diagonal().any())
        assert bool((prior >= 0).all())
        torch.testing.assert_close(prior.sum(1), torch.ones(len(prior)))

    @invariant()
    def regions_hold_each_expert_once_and_widen(self) -> None:
        for level in range(3):
            regions = self.knowledge.regions(level)
            members = [number for held in regions.values() for number in held]
            assert len(set(members)) == len(members)
            for region, held in regions.items():
                assert all(self.knowledge.region_of(number, level) == region for number in held)
                assert any(set(held) <= set(wider) for wider in self.knowledge.regions(level + 1).values())


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
