"""What MORPH minimises in one training step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from morph_cl.morph.gate_losses import memory_loss, noisy

if TYPE_CHECKING:
    from morph_cl.morph.model import MorphModel

_EXCLUDED = -1e9  # logit of a class outside the task; finite: a plugin may multiply it by a zero target

Criterion = Callable[[Tensor, Tensor], Tensor]
"""A loss of logits (B, classes) and int64 classes (B,), a scalar."""


@dataclass
class Step:
    """One training step before its update.

    Args:
        output: (B, classes) logits of the current samples, with their graph.
        loss: what to minimise: routed, shared, replay, distillation and gate losses.
    """

    output: Tensor
    loss: Tensor


def losses(model: MorphModel, x: Tensor, y: Tensor, allowed: Tensor | None, criterion: Criterion | None = None) -> Step:
    """The losses of the routed expert, of the shared expert (with replay and distillation) and of the gate.

    Args:
        model: the model.
        x: (B, C, H, W).
        y: (B,) int64 classes.
        allowed: (B, classes) or (classes,) bool, the classes of each sample's task; None allows all.
        criterion: replaces the cross-entropy of the routed and the shared answers, to current and past samples.

    Returns:
        Logits and loss.

    Source: replay with stored logits follows DER++ (Buzzega et al., NeurIPS 2020).
    """
    entropy = criterion or nn.functional.cross_entropy
    routed, loss = _routed_loss(model, x, y, allowed, criterion)
    places = model.memory.draw(model.options.replay)
    past_x, past_y = model.memory.images(places), model.memory.y[places].long()
    shared = None
    if model.shared is not None:
        everything = torch.cat([x, past_x])
        with model.precision.products(model.shared, everything):
            answers = model.shared(everything).to(x.dtype)
        shared, past = restrict(answers[: len(x)], allowed).log_softmax(1), answers[len(x) :]
        loss = loss + entropy(shared, y)
        if len(places):
            loss = loss + entropy(past, past_y)
            if model.memory.width:
                kept = model.memory.logits[places].to(past)
                loss = loss + model.options.distil * nn.functional.mse_loss(past, kept)
    if model.options.gate and len(model.pool) > 1 and len(places):
        loss = loss + _gate_loss(model, x, past_x, model.memory.owner[places])
    return Step(model.mixture.join(routed, shared), loss)


def _routed_loss(
    model: MorphModel, x: Tensor, y: Tensor, allowed: Tensor | None, criterion: Criterion | None
) -> tuple[Tensor, Tensor]:
    """The answer of the expert in training to the current samples, and its loss on them and on what it owns."""
    owned = own_places(model)
    moving = model.adapting is not None and model.adapting.effort.moving
    count = model.options.replay if len(owned) and not moving else 0
    places = model.memory.draw(count, among=owned) if count else owned
    past_x = model.memory.images(places)
    if not count:
        answers = model.pool(model.active, x)
    elif model.pool.framed:
        frames = torch.cat([model.pool.frame(model.active).expand(len(x), 2, 3), model.memory.frame[places].float()])
        answers = model.pool(model.active, torch.cat([x, past_x]), frames)
    else:
        answers = model.pool(model.active, torch.cat([x, past_x]))
    routed = restrict(answers[: len(x)], allowed).log_softmax(1)
    loss = (criterion or nn.functional.nll_loss)(routed, y)
    if count:
        past = (criterion or nn.functional.cross_entropy)(answers[len(x) :], model.memory.y[places].long())
        loss = 0.5 * (loss + past)
        if model.memory.noted:
            _note(model, places, answers[len(x) :].detach())
    return routed, loss


def own_places(model: MorphModel) -> Tensor:
    """Places (K,) in memory of what the expert in training can learn from: what it and its kin have learned.

    Args:
        model: the model.
    """
    kin = model.pool.kin(model.active)
    owner = model.memory.owner
    mine = owner == model.active if len(kin) == 1 else torch.isin(owner, owner.new_tensor(kin))
    return mine.nonzero().squeeze(1)


def _note(model: MorphModel, places: Tensor, answers: Tensor) -> None:
    """Tell the memory how well (K, classes) logits answer its samples."""
    logs = answers.log_softmax(1)
    loss = nn.functional.nll_loss(logs, model.memory.y[places].long(), reduction="none")
    model.memory.note(places, loss, -(logs.exp() * logs).sum(1), model.iteration)


def _gate_loss(model: MorphModel, x: Tensor, past_x: Tensor, owner: Tensor) -> Tensor:
    """How badly the gate finds the owners of memory samples, and the expert in training for current ones."""
    gate, options = model.gate, model.options
    owners = model.rows_of(model.memory.owner) if options.gate_balance else None
    past = memory_loss(gate, past_x, model.rows_of(owner), owners, options)
    current: Tensor = noisy(gate.logits(x), options.gate_noise, training=gate.training).log_softmax(1)[:, model.row]
    return past - current.mean() / len(model.pool)


def restrict(logits: Tensor, allowed: Tensor | None) -> Tensor:
    """Logits with the classes outside a task excluded.

    Args:
        logits: (B, classes).
        allowed: (B, classes) or (classes,) bool; None allows all.

    Returns:
        (B, classes).
    """
    return logits if allowed is None else logits.masked_fill(~allowed, _EXCLUDED)
