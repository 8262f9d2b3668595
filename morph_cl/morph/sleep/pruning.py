"""Experts that nothing is routed to any more go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from morph_cl.morph.sleep.held_out import HeldOut
from morph_cl.morph.sleep.removal import heir_of, remove_expert
from morph_cl.morph.sleep.undo import Undo

if TYPE_CHECKING:
    from morph_cl.morph.model import MorphModel


def count_dormant(model: MorphModel, shares: Tensor) -> None:
    """Count the sleeps in a row in which nothing was routed to an expert.

    One that just trained, or that the stream needs, is never dormant.

    Args:
        model: the model.
        shares: (N, E) routing probabilities of held-out samples.
    """
    used = shares.amax(0) > 0.5
    for row, number in enumerate(model.numbers):
        wanted = number == model.active or (model.adapting is not None and model.adapting.context.wants(number))
        asleep = not bool(used[row]) and not wanted
        model.dormant[number] = model.dormant.get(number, 0) + 1 if asleep else 0


def prune(model: MorphModel, held: HeldOut) -> list[int]:
    """Drop the experts that nothing was routed to for long enough; a removal that costs more than the bounds is undone.

    Args:
        model: the model.
        held: the samples to judge by.

    Returns:
        The numbers of those that went.
    """
    pruned: list[int] = []
    for number in [n for n, sleeps in model.dormant.items() if sleeps >= model.options.prune_after]:
        if number == model.active or len(model.pool) < 2:
            continue
        undo, before = Undo(model, held), held.verdict()
        remove_expert(model, number, heir_of(model, number))
        held.forget_tables()
        if not held.stands(before):
            undo.restore(model)
        else:
            pruned.append(number)
            lost = before.accuracy - held.verdict().accuracy
            model.note("prune", expert=number, lost=lost, experts=len(model.pool))
    return pruned
