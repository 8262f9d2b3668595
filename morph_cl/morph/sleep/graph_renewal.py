"""The graph learns what there is to know after training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from morph_cl.morph.graph import concept_similarity, signatures
from morph_cl.morph.sleep.held_out import HeldOut

if TYPE_CHECKING:
    from morph_cl.morph.model import MorphModel


def renew_graph(model: MorphModel, held: HeldOut | None = None) -> None:
    """Tell the graph which concepts there are and how experts overlap, lean on each other and form regions.

    Args:
        model: the model.
        held: its held-out samples, if they are at hand.
    """
    if not model.concepts.projection.fitted:
        return
    counts = model.concepts.counts
    for row, (number, known) in enumerate(zip(model.numbers, signatures(model.concepts), strict=True)):
        model.graph.set_concepts(number, {label: int(counts[row, label]) for label in known}, known)
    if len(model.pool) > 1:
        overlap = concept_similarity(model.concepts.divergence(), len(model.pool), model.concepts.projection.width)
        model.graph.set_similarity(overlap, model.numbers)
        _measure_dependency(model, held or HeldOut(model))
    model.graph.set_hierarchy(model.numbers)


def _measure_dependency(model: MorphModel, held: HeldOut) -> None:
    """Tell the graph where the held-out samples of each expert are routed to."""
    if len(held) and held.evidence().density is not None:
        model.graph.set_dependency(held.shares(), model.rows_of(held.owner), model.numbers)
