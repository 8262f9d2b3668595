"""Sleep: what MORPH does between training steps, on stored samples alone and outside their autograd graph."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from morph_cl.morph.budget import fit_budget
from morph_cl.morph.experts import averaged
from morph_cl.morph.gate_losses import memory_loss
from morph_cl.morph.graph import concept_similarity, signatures
from morph_cl.morph.intake import flush
from morph_cl.morph.mixture import Evidence

if TYPE_CHECKING:
    from morph_cl.morph.model import MorphModel

_BATCH = 256
_LEAST_HELD_OUT = 20  # held-out samples below which nothing is judged on them
_CANDIDATES = 3  # pairs of experts that one sleep tries to merge


@dataclass
class _HeldOut:
    """The held-out samples and what the model says of them."""

    x: Tensor
    y: Tensor
    evidence: Evidence
    answers: Tensor  # (N, E, classes)

    @classmethod
    def of(cls, model: MorphModel) -> _HeldOut:
        store = model.validation
        x = store.images(torch.arange(len(store), device=store.y.device))
        answers = torch.stack([model.pool(number, x) for number in model.numbers], 1)
        return cls(x, store.y.long(), model.evidence(x), answers)

    def accuracy(self, model: MorphModel) -> float:
        route, within = model.mixture.route(self.evidence, self.answers.shape[1])
        output = model.mixture.combine(route, within, self.answers, self.evidence.shared)
        return float((output.argmax(1) == self.y).float().mean())


def sleep(model: MorphModel) -> dict[str, Any]:
    """Train the gate on memory, renew the graph, calibrate the mixture, merge and prune experts.

    A merge or removal that costs more than ``bound`` of the accuracy on held-out samples is undone.

    Args:
        model: the model, between two training steps.

    Returns:
        What happened, JSON-able: the detail of the ``sleep`` event.
    """
    training = model.training
    flush(model)
    model.eval()
    with torch.enable_grad():
        _train_gate(model)
        _consolidate(model)
    with torch.no_grad():
        renew_graph(model)
        detail = _reorganise(model)
        detail["edges_dropped"] = model.graph.decay(model.options.graph_decay)
    fit_budget(model)
    model.train(training)
    model.note("sleep", **detail)
    return detail


def _train_gate(model: MorphModel) -> None:
    """Teach the gate who owns what in memory."""
    if not model.options.gate or len(model.pool) < 2 or not len(model.memory):
        return
    optimizer = torch.optim.Adam(model.gate.parameters(), lr=model.options.lr)
    owners = model.rows_of(model.memory.owner)
    model.gate.train()
    for _ in range(model.options.sleep_steps):
        places = model.memory.draw(_BATCH)
        loss = memory_loss(model.gate, model.memory.images(places), owners[places], owners, model.options)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    model.gate.zero_grad()
    model.gate.eval()


def _consolidate(model: MorphModel) -> None:
    """Train the shared expert on memory alone."""
    if not model.options.consolidate or model.shared is None or not len(model.memory):
        return
    model.shared.train()
    steps = model.options.sleep_steps
    optimizer = torch.optim.Adam(model.shared.parameters(), lr=model.options.shared_lr)
    for done in range(steps):
        optimizer.param_groups[0]["lr"] = model.options.shared_lr * (1.0 - done / steps)
        places = model.memory.draw(_BATCH)
        loss = nn.functional.cross_entropy(model.shared(model.memory.images(places)), model.memory.y[places].long())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        model.follow()
    model.shared.zero_grad()
    model.shared.eval()


def renew_graph(model: MorphModel) -> None:
    """Tell the graph which concepts there are and how experts overlap, lean on each other and form regions.

    Args:
        model: the model.
    """
    if not model.concepts.projection.fitted:
        return
    counts = model.concepts.counts
    for row, (number, known) in enumerate(zip(model.numbers, signatures(model.concepts), strict=True)):
        model.graph.set_concepts(number, {label: int(counts[row, label]) for label in known}, known)
    if len(model.pool) > 1:
        overlap = concept_similarity(model.concepts.divergence(), len(model.pool), model.concepts.projection.width)
        model.graph.set_similarity(overlap, model.numbers)
        _measure_dependency(model)
    model.graph.set_hierarchy(model.numbers)


def _measure_dependency(model: MorphModel) -> None:
    """Tell the graph where the held-out samples of each expert are routed to."""
    store = model.validation
    evidence = model.evidence(store.images(torch.arange(len(store), device=store.y.device)))
    if len(store) and evidence.density is not None:
        route, _ = model.mixture.route(evidence, len(model.pool))
        model.graph.set_dependency(route.exp(), model.rows_of(store.owner), model.numbers)


def _reorganise(model: MorphModel) -> dict[str, Any]:
    """All that is judged on held-out samples."""
    if len(model.validation) < _LEAST_HELD_OUT or not model.concepts.projection.fitted:
        return {"held_out": len(model.validation)}
    held = _HeldOut.of(model)
    detail: dict[str, Any] = {"held_out": len(held.y), "accuracy_before": held.accuracy(model)}
    if model.options.calibrate:
        _calibrate(model, held)
    route, _ = model.mixture.route(held.evidence, len(model.pool))
    model.graph.activate(route.exp(), model.numbers)
    _count_dormant(model, route.exp())
    merged = _merge(model) if model.options.merge else []
    pruned = _prune(model) if model.options.prune else []
    detail["accuracy"] = _HeldOut.of(model).accuracy(model)
    detail["merged"], detail["pruned"] = merged, pruned
    detail["weights"] = [round(float(weight), 4) for weight in model.mixture.weights.exp()]
    return detail


def _calibrate(model: MorphModel, held: _HeldOut) -> None:
    """Fit the mixture's weights; a fit that costs accuracy is undone."""
    before, old = held.accuracy(model), model.mixture.weights.clone()
    model.mixture.calibrate(held.evidence, held.answers, held.y)
    if held.accuracy(model) < before - model.options.bound:
        model.mixture.weights = old


def _count_dormant(model: MorphModel, shares: Tensor) -> None:
    """Count the sleeps in a row in which nothing was routed to an expert; one that just trained is never dormant."""
    used = shares.amax(0) > 0.5
    for row, number in enumerate(model.numbers):
        asleep = not bool(used[row]) and number != model.active
        model.dormant[number] = model.dormant.get(number, 0) + 1 if asleep else 0


# --- changes that can be undone -------------------------------------------------------------------------------


class Undo:
    """All that a merge or a removal touches, as it was.

    Args:
        model: the model before the change.
    """

    def __init__(self, model: MorphModel) -> None:
        self.numbers = model.numbers
        self.nets = {number: model.pool.net(number) for number in self.numbers}
        self.concepts = {name: tensor.clone() for name, tensor in model.concepts.export().items()}
        self.gate = (model.gate.weight, model.gate.bias, list(model.gate.origin))
        self.graph = copy.deepcopy(model.graph)
        self.owners = model.memory.owner.clone(), model.validation.owner.clone()
        self.dormant = dict(model.dormant)

    def restore(self, model: MorphModel) -> None:
        """Put everything back.

        Args:
            model: the model after the change.
        """
        model.pool.restore(self.numbers, self.nets)
        model.concepts.load(self.concepts)
        model.gate.weight, model.gate.bias, model.gate.origin = self.gate
        model.graph = self.graph
        model.memory.owner, model.validation.owner = self.owners
        model.dormant = self.dormant


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


def _merge(model: MorphModel) -> list[list[int]]:
    """Merge the most similar experts that answer alike."""
    merged: list[list[int]] = []
    affinity = model.graph.affinity_matrix(model.numbers)
    pairs = [
        (float(affinity[i, j]), a, model.numbers[j])
        for i, a in enumerate(model.numbers)
        for j in range(i)
        if model.active not in (a, model.numbers[j]) and float(affinity[i, j]) > 0
    ]
    for _, a, b in sorted(pairs, reverse=True)[:_CANDIDATES]:
        if a in model.numbers and b in model.numbers and merge_pair(model, keep=b, drop=a):
            merged.append([b, a])
    return merged


def merge_pair(model: MorphModel, keep: int, drop: int) -> bool:
    """Merge two experts if they answer alike and the held-out samples do not suffer.

    Args:
        model: the model.
        keep: the expert whose number stays.
        drop: the expert that goes.

    Returns:
        Whether the merge stands.
    """
    held = _HeldOut.of(model)
    rows = model.numbers.index(keep), model.numbers.index(drop)
    theirs = torch.isin(model.validation.owner, torch.tensor([keep, drop]).to(model.validation.owner))
    said = held.answers[theirs][:, list(rows)].argmax(2)
    agreement = float((said[:, 0] == said[:, 1]).float().mean()) if len(said) else 0.0
    if agreement < model.options.merge_agreement:
        return False
    undo, before = Undo(model), held.accuracy(model)
    counts = model.concepts.counts.sum(1)
    share = float(counts[rows[0]] / (counts[rows[0]] + counts[rows[1]]))
    both = averaged(model.pool.net(keep), model.pool.net(drop), share)
    model.concepts.fold(rows[1], rows[0])
    remove_expert(model, drop, keep)
    for net in (both, undo.nets[keep]):  # the mean first, else the one alone
        model.pool.replace(keep, net)
        loss = before - _HeldOut.of(model).accuracy(model)
        if loss <= model.options.bound:
            model.note("merge", kept=keep, dropped=drop, agreement=agreement, lost=loss, experts=len(model.pool))
            return True
    undo.restore(model)
    return False


def _prune(model: MorphModel) -> list[int]:
    """Drop the experts that nothing was routed to for long enough."""
    pruned: list[int] = []
    for number in [n for n, sleeps in model.dormant.items() if sleeps >= model.options.prune_after]:
        if number == model.active or len(model.pool) < 2:
            continue
        undo, before = Undo(model), _HeldOut.of(model).accuracy(model)
        remove_expert(model, number, heir_of(model, number))
        loss = before - _HeldOut.of(model).accuracy(model)
        if loss > model.options.bound:
            undo.restore(model)
        else:
            pruned.append(number)
            model.note("prune", expert=number, lost=loss, experts=len(model.pool))
    return pruned


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
