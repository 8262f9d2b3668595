"""An expert goes, and another inherits what it owned."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from morph_cl.morph.model import MorphModel


def remove_expert(model: MorphModel, number: int, heir: int) -> None:
    """Take an expert out of every table; its heir gets its samples, and its concepts were folded or are lost.

    Args:
        model: the model.
        number: the expert to remove, not the one in training.
        heir: the expert that inherits.
    """
    gone = model.numbers.index(number)
    rows = [row for row in range(len(model.pool)) if row != gone]
    model.pool.remove(number)
    model.concepts.keep(rows)
    model.concepts.open(model.row)
    model.gate.keep(rows)
    model.graph.remove_expert(number, heir)
    model.memory.reassign(number, heir)
    model.validation.reassign(number, heir)
    model.dormant.pop(number, None)


def heir_of(model: MorphModel, number: int) -> int:
    """The expert nearest to another in the graph, else the one in training.

    Args:
        model: the model.
        number: an expert's number.

    Returns:
        Another expert's number.
    """
    nearest = [other for other, _ in model.graph.nearest_experts(number, limit=1)]
    return nearest[0] if nearest else model.active
