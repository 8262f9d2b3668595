"""Two experts that answer alike become one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from morph_cl.morph.experts import averaged
from morph_cl.morph.sleep.alignment import aligned
from morph_cl.morph.sleep.distillation import distilled
from morph_cl.morph.sleep.held_out import HeldOut
from morph_cl.morph.sleep.removal import remove_expert
from morph_cl.morph.sleep.undo import Undo

if TYPE_CHECKING:
    from morph_cl.morph.model import MorphModel

_CANDIDATES = 3  # pairs of experts that one sleep tries to merge


def merge(model: MorphModel, held: HeldOut) -> list[list[int]]:
    """Merge the most similar experts that answer alike.

    Args:
        model: the model.
        held: the samples to judge by.

    Returns:
        A pair for each merge: who stays and who went.
    """
    merged: list[list[int]] = []
    affinity = model.graph.affinity_matrix(model.numbers)
    pairs = [
        (float(affinity[i, j]), a, model.numbers[j])
        for i, a in enumerate(model.numbers)
        for j in range(i)
        if model.active not in (a, model.numbers[j]) and float(affinity[i, j]) > 0
    ]
    for _, a, b in sorted(pairs, reverse=True)[:_CANDIDATES]:
        if a in model.numbers and b in model.numbers and merge_pair(model, keep=b, drop=a, held=held):
            merged.append([b, a])
    return merged


def agreement_of(held: HeldOut, a: int, b: int) -> float:
    """Share of the held-out samples of two experts on which both answer the same class.

    Args:
        held: the samples.
        a: an expert's number.
        b: another's.

    Returns:
        In [0, 1]; 0 where they own none.
    """
    theirs = torch.isin(held.owner, torch.tensor([a, b]).to(held.owner))
    first, second = (held.answers.of(number, theirs)[theirs].argmax(1) for number in (a, b))
    same = first == second
    return float(same.float().mean()) if len(same) else 0.0


def merge_pair(model: MorphModel, keep: int, drop: int, held: HeldOut | None = None) -> bool:
    """Merge two experts if they answer alike and the held-out samples do not suffer.

    Args:
        model: the model.
        keep: the expert whose number stays.
        drop: the expert that goes.
        held: the samples to judge by, if they are at hand.

    Returns:
        Whether the merge stands.
    """
    held = held or HeldOut(model)
    agreement = agreement_of(held, keep, drop)
    if agreement < model.thresholds.merge_agreement:
        return False
    undo, before = Undo(model, held), held.verdict()
    rows = model.numbers.index(keep), model.numbers.index(drop)
    counts = model.concepts.counts.sum(1)
    share = float(counts[rows[0]] / (counts[rows[0]] + counts[rows[1]]))
    both, by = _joined(model, keep, drop, share)
    model.concepts.fold(rows[1], rows[0])
    remove_expert(model, drop, keep)
    held.forget_tables()
    for net, way in ((both, by), (undo.nets[keep], "alone")):
        model.pool.replace(keep, net)
        if held.stands(before):
            facts = {"agreement": agreement, "lost": before.accuracy - held.verdict().accuracy, "by": way}
            model.note("merge", kept=keep, dropped=drop, **facts, experts=len(model.pool))
            return True
    undo.restore(model)
    held.undone_merges += 1
    return False


def _joined(model: MorphModel, keep: int, drop: int, share: float) -> tuple[nn.Module, str]:
    """One network from those of two experts, and how it came about."""
    by, kept, dropped = model.options.merge_by, model.pool.net(keep), model.pool.net(drop)
    matched = aligned(kept, dropped) if by != "average" else None
    mean = averaged(kept, dropped if matched is None else matched, share)
    if by == "distil":
        return distilled(model, keep, drop, mean), by
    return mean, "average" if matched is None else "align"
