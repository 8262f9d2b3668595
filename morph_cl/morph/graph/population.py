"""Experts and concepts come and go; what relates an expert that goes passes to its heir."""

from __future__ import annotations

from collections.abc import Mapping

from morph_cl.errors import UsageError
from morph_cl.morph.graph.density import Signature
from morph_cl.morph.graph.hierarchy import drop_small_regions
from morph_cl.morph.graph.schema import (
    CONCEPT,
    DEPENDENCY,
    EXPERT,
    KINSHIP,
    LINEAGE,
    OWNS,
    SIMILARITY,
    SPECIALISATION,
    SPLIT,
    concept_node,
    expert_node,
)
from morph_cl.morph.graph.store import GraphStore


class Population(GraphStore):
    """The nodes, and the relations that their coming and going makes."""

    def add_expert(self, number: int, parent: int | None = None) -> None:
        """Add an expert.

        Args:
            number: its number.
            parent: the expert that it was cloned from, if any.

        Raises:
            UsageError: the number is taken, or the parent is not in the graph.
        """
        node = expert_node(number)
        if node in self.graph:
            raise UsageError(f"{node} is in the graph already; give a new expert a new number.")
        origin = self._known(expert_node(parent)) if parent is not None else None
        self.graph.add_node(node, kind=EXPERT, number=number, activations=0.0)
        if origin is not None:
            self._relate(node, origin, SPECIALISATION, KINSHIP)

    def add_split(self, parent: int, child: int) -> None:
        """Note that an expert was split off another.

        Args:
            parent: the expert that was divided.
            child: the expert that got a part of it; added if it is not in the graph yet.

        Raises:
            UsageError: the parent is not in the graph, or is the child or a descendant of it.
        """
        origin, node = self._known(expert_node(parent)), expert_node(child)
        if node == origin or (node in self.graph and node in self._ancestors(origin)):
            raise UsageError(f"{origin} cannot be split into {node}, which it is or descends from; give a new expert.")
        if node not in self.graph:
            self.add_expert(child)
        self._relate(node, origin, SPLIT, KINSHIP)

    def set_concepts(
        self, number: int, counts: Mapping[int, int], signatures: Mapping[int, Signature] | None = None
    ) -> None:
        """Say which classes an expert knows; what it is not said to know any more is dropped.

        Args:
            number: the expert's number.
            counts: samples met by class.
            signatures: where each class's density lies, by class.

        Raises:
            UsageError: the expert is not in the graph.
        """
        expert = self._known(expert_node(number))
        self.graph.remove_nodes_from(set(self._targets(expert, OWNS)) - {concept_node(number, c) for c in counts})
        total = max(sum(counts.values()), 1)
        for label, count in counts.items():
            node = concept_node(number, label)
            self.graph.add_node(node, kind=CONCEPT, number=number, label=label, count=count)
            if signatures and label in signatures:
                signature = signatures[label]
                self.graph.nodes[node].update(mean=signature.text, log_volume=signature.log_volume)
            self._relate(expert, node, OWNS, count / total)

    def signature(self, number: int, label: int) -> Signature | None:
        """The density of what an expert knows of a class.

        Args:
            number: the expert's number.
            label: the class.

        Returns:
            Its signature, or None if none was given to :meth:`set_concepts`.

        Raises:
            UsageError: the graph has no such concept.
        """
        data = self.graph.nodes[self._known(concept_node(number, label))]
        return Signature.parse(data["mean"], data["log_volume"]) if "mean" in data else None

    def remove_expert(self, number: int, heir: int | None = None) -> None:
        """Take an expert and its concepts out.

        The heir's similarity to a third expert becomes the stronger of the two; it depends on what either depended on;
        who leaned on the expert leans on the heir as well, with both shares together. Clones and splits of the expert
        become the heir's, or its parents' where the heir descends from them. Regions that are left with one member
        dissolve.

        Args:
            number: its number.
            heir: the expert that takes over its relations, if any.

        Raises:
            UsageError: either is not in the graph, or they are the same.
        """
        node = self._known(expert_node(number))
        if heir == number:
            raise UsageError(f"{node} cannot be its own heir; name another expert or None.")
        if heir is not None:
            self._bequeath(node, self._known(expert_node(heir)))
        self.revision += 1
        self.graph.remove_nodes_from([node, *self._targets(node, OWNS)])
        drop_small_regions(self.graph)

    def _bequeath(self, node: str, heir: str) -> None:
        """Give an expert's relations to its heir."""
        for other in {*self._targets(node, SIMILARITY), *self._sources(node, SIMILARITY)} - {heir}:
            ours, theirs = self._edge(node, other, SIMILARITY), self._edge(heir, other, SIMILARITY)
            weight, earned = (max(e[name] for e in (ours, theirs) if e) for name in ("weight", "earned"))
            self._relate(heir, other, SIMILARITY, weight, earned=earned)
        for other in set(self._targets(node, DEPENDENCY)) - {heir}:
            both = self.weight(node, other, DEPENDENCY), self.weight(heir, other, DEPENDENCY)
            self._relate(heir, other, DEPENDENCY, max(both))
        for other in set(self._sources(node, DEPENDENCY)) - {heir}:
            both = self.weight(other, node, DEPENDENCY), self.weight(other, heir, DEPENDENCY)
            self._relate(other, heir, DEPENDENCY, sum(both))
        elders = self._ancestors(heir)
        for relation in LINEAGE:
            for child in self._sources(node, relation):
                # A child that the heir descends from would close a circle under the heir.
                parents = self._targets(node, relation) if child == heir or child in elders else [heir]
                for parent in parents:
                    self._relate(child, parent, relation, KINSHIP)
