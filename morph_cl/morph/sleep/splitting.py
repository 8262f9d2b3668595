"""An expert that owns too much, and answers it worse than the others do, becomes two."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from morph_cl.morph.budget import room_for_expert
from morph_cl.morph.gaussians import moments
from morph_cl.morph.sleep.clusters import nearer_to_second, two_means
from morph_cl.morph.sleep.graph_renewal import renew_graph
from morph_cl.morph.sleep.held_out import HeldOut
from morph_cl.morph.sleep.rehearsal import rehearsed
from morph_cl.morph.sleep.undo import Undo

if TYPE_CHECKING:
    from morph_cl.morph.model import MorphModel


def split(model: MorphModel, held: HeldOut) -> list[list[int]]:
    """Split overloaded experts as far as ``max_experts`` and ``max_bytes`` allow.

    Args:
        model: the model.
        held: the samples to judge by.

    Returns:
        A pair for each split: who was divided, and the expert that got a part.
    """
    done: list[list[int]] = []
    for number in overloaded(model, held):
        if len(model.pool) >= model.options.max_experts or not room_for_expert(model):
            break
        child = split_expert(model, number, held)
        if child is not None:
            done.append([number, child])
    if done:
        renew_graph(model, held)
    return done


def overloaded(model: MorphModel, held: HeldOut) -> list[int]:
    """Experts with more than ``overload`` fair shares of the held-out samples that answer them worse than the mean.

    Args:
        model: the model.
        held: the samples.

    Returns:
        Their numbers, the largest owner first; never the expert in training.
    """
    hits = held.hits().float()
    mean = float(hits.mean())
    most = model.options.overload * len(held) / len(model.pool)
    found: list[tuple[int, int]] = []
    for number in model.numbers:
        own = held.owner == number
        if number != model.active and int(own.sum()) > most and float(hits[own].mean()) < mean:
            found.append((int(own.sum()), number))
    return [number for _, number in sorted(found, reverse=True)]


def split_expert(model: MorphModel, number: int, held: HeldOut) -> int | None:
    """Divide what an expert owns in two regions; a split that costs more than the bounds is undone.

    Args:
        model: the model.
        number: the expert to divide, not the one in training.
        held: the samples to judge by.

    Returns:
        The number of the expert that owns the second region; None where the expert stays whole.
    """
    centres = _centres(model, number)
    if centres is None:
        return None
    undo, before = Undo(model, held), held.verdict()
    child = _add_child(model, number, centres)
    _hand_over(model, number, child, centres)
    for one in (number, child):
        model.pool.replace(one, _specialised(model, one))
    held.forget_tables()
    if not held.stands(before):
        undo.restore(model)
        return None
    model.dormant[child] = 0
    lost = before.accuracy - held.verdict().accuracy
    model.note("split", expert=child, parent=number, lost=lost, experts=len(model.pool))
    return child


def _centres(model: MorphModel, number: int) -> Tensor | None:
    """Centres (2, d) of an expert's memory samples; None where a side would be left without samples or modes."""
    owned = (model.memory.owner == number).nonzero().squeeze(1)
    if len(owned) < 2:
        return None
    points = model.concepts.projection(model.memory.images(owned))
    centres = two_means(points, seed=number)
    sums, _ = model.concepts.modes.of(model.numbers.index(number))
    _, means, _ = moments(sums)
    sides = nearer_to_second(points, centres), nearer_to_second(means, centres)
    return centres if all(bool(side.any()) and not bool(side.all()) for side in sides) else None


def _add_child(model: MorphModel, number: int, centres: Tensor) -> int:
    """Add a clone of an expert to every table; the modes nearer to the second centre become its own."""
    row, concepts = model.numbers.index(number), model.concepts
    child = model.pool.add(number)
    model.gate.add_row(row)
    model.graph.add_split(number, child)
    concepts.add_expert()
    for level in (concepts.level, concepts.loss_level):
        level[-1] = level[row]
    concepts.modes.wake(row)
    mine = (concepts.modes.place[:, 0] == row).nonzero().squeeze(1)
    _, means, _ = moments(concepts.modes.sums[mine])
    concepts.modes.place[mine[nearer_to_second(means, centres)], 0] = len(concepts) - 1
    concepts.open(model.row)
    return child


def _hand_over(model: MorphModel, number: int, child: int, centres: Tensor) -> None:
    """Give the stored samples of the second region to the child."""
    for store in (model.memory, model.validation):
        owned = (store.owner == number).nonzero().squeeze(1)
        if len(owned):
            points = model.concepts.projection(store.images(owned))
            store.owner[owned[nearer_to_second(points, centres)]] = child


def _specialised(model: MorphModel, number: int) -> nn.Module:
    """A copy of an expert's network, trained on the memory samples that it owns."""
    owned = (model.memory.owner == number).nonzero().squeeze(1)
    labels = model.memory.y
    return rehearsed(
        model,
        model.pool.net(number),
        owned,
        lambda answers, places: nn.functional.cross_entropy(answers, labels[places].long()),
    )
