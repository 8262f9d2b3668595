"""One batch of a stream without boundaries: whose it is, and who learns it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from morph_cl.morph.align import Alignment, find_alignment
from morph_cl.morph.budget import fit_budget
from morph_cl.morph.growth import Look, class_log_density, look
from morph_cl.morph.hearing import Heard, hear, likely
from morph_cl.morph.holdout import training_rows
from morph_cl.morph.intake import absorb, remember
from morph_cl.morph.lending import is_settled, lenders
from morph_cl.morph.sight import see

if TYPE_CHECKING:
    from morph_cl.morph.adapting import Adapting
    from morph_cl.morph.model import MorphModel

_TURN = 2
"""Batches in a row that another expert must answer best before it is trained in place of the one in training."""
_COMING = 0.02  # share in the context of an expert whose samples still come
_PRESSED = 1.0
"""Rise of an expert's loss, in its standard deviations, up to which it copes, new as the inputs may be."""
_NEW = 0.1
"""Standard deviations below the latest samples, beyond chance, up to which a batch is more of the same."""
_USUAL = -1.0
"""Novelty, at most, of a batch that is more of the same or answered as well as ever, whatever whole concepts say."""


def observe(model: MorphModel, x: Tensor, y: Tensor) -> Tensor:
    """Take in one batch of a stream without boundaries: novelty, growth, concepts and memory.

    A batch that may be of another context waits until the next ones tell; a disturbance that passes leaves no trace in
    concepts and memory.

    Args:
        model: the model.
        x: (B, C, H, W).
        y: (B,) int64 classes.

    Returns:
        (B,) bool, the samples to train on: all but those held out.
    """
    heard = Heard(0.0, torch.ones_like(y, dtype=torch.bool))
    if model.adapting is not None:
        heard = hear(model, model.adapting, x, y)
    mine, active = heard.mine, model.active
    if not model.concepts.projection.fitted:
        return _gather(model, x, y)
    seen = look(model, x, y)
    settled = is_settled(model)
    if settled and not _settle(model, seen, heard.pressed, x, y):
        return training_rows(x, model.options.holdout)
    if model.active != active:
        mine = torch.ones_like(mine)  # what another expert claims is its own now
    if settled:
        density, known = class_log_density(model.concepts, x[mine], y[mine])
        model.concepts.set_level(model.row, density[known[:, model.row], model.row])
        if seen.losses is not None and model.row == seen.closest:
            model.concepts.set_loss_level(model.row, seen.losses[mine])
    train = torch.zeros_like(mine)
    train[mine] = _learn(model, x[mine], y[mine])
    return train


def _gather(model: MorphModel, x: Tensor, y: Tensor) -> Tensor:
    """Put a batch into the first window; (B,) bool, the samples to train on."""
    if model.adapting is not None:
        see(model, model.adapting, x, y)
    model.window.append((x, y))
    if sum(len(part) for _, part in model.window) >= model.options.window:
        flush(model)
    return training_rows(x, model.options.holdout)


def _settle(model: MorphModel, seen: Look, pressed: float, x: Tensor, y: Tensor) -> bool:
    """Decide whose batch this is: grow, turn to the expert that knows it, or go on; whether it is learned now."""
    adapting, threshold = model.adapting, model.thresholds.novelty
    novelty = seen.value(model.thresholds)
    if adapting is not None:
        news = min(pressed - _PRESSED, adapting.novelty(x, y) - _NEW) if pressed > _PRESSED else _USUAL
        if news <= 0:
            novelty = min(novelty, _USUAL)
        elif model.options.surprise:
            novelty = max(novelty, threshold + news)
    if model.watch.update(novelty):
        if model.grow(seen, known_alignment(model, x, y)):
            _learn_waiting(model)
        return True
    if novelty > threshold:
        return adapting is None or not adapting.wait(x, y, model.options.novel_batches)
    if adapting is None:
        model.turn_to(model.numbers[seen.closest])
        return True
    return _follow_context(model, adapting, x, y)


def known_alignment(model: MorphModel, x: Tensor, y: Tensor) -> Alignment | None:
    """The expert and the frame that already know a new context, by a batch and those that wait with it.

    Args:
        model: the model.
        x: (B, C, H, W) the batch.
        y: (B,) int64 classes.

    Returns:
        None where no frame makes the context known, or experts have none.
    """
    if model.adapting is None or not model.pool.framed:
        return None
    batches = [*model.adapting.pending, (x, y)]
    x, y = torch.cat([x for x, _ in batches]), torch.cat([y for _, y in batches])
    return find_alignment(model, x, y, likely(model, model.adapting))


def _follow_context(model: MorphModel, adapting: Adapting, x: Tensor, y: Tensor) -> bool:
    """Train the expert that answers best; whether the batch is learned now."""
    leader = adapting.context.leaders(1)[0]
    if leader == model.active or _learns_beside(model, adapting, leader):
        adapting.waited()
        return True
    if adapting.wait(x, y, _TURN):
        return False
    model.turn_to(leader)
    model.note("reuse", expert=leader)
    _learn_waiting(model)
    return True


def _learns_beside(model: MorphModel, adapting: Adapting, leader: int) -> bool:
    """Whether the expert in training is new and its context, though rarer than that of its kin, goes on coming."""
    new = model.active in lenders(model) and leader in model.pool.kin(model.active)
    return new and adapting.context.shares.get(model.active, 0.0) > _COMING


def _learn_waiting(model: MorphModel) -> None:
    for batch in model.adapting.waited() if model.adapting is not None else []:
        _learn(model, *batch)


def _learn(model: MorphModel, x: Tensor, y: Tensor, *, recent: bool = True) -> Tensor:
    """Add samples to concepts and memory, and those held out to what sleep is judged on; (B,) bool, which are not."""
    train = training_rows(x, model.options.holdout)
    if model.adapting is not None:
        if recent:
            see(model, model.adapting, x[train], y[train])
        model.adapting.compare_with(x[train], y[train])
    absorb(model, x[train], y[train])
    remember(model, x[train], y[train])
    if not bool(train.all()):
        model.validation.add(x[~train], y[~train], model.active)
        fit_budget(model)
    return train


def flush(model: MorphModel) -> None:
    """Fix the projection on what was gathered for it, if anything was, and take that in.

    Args:
        model: the model.
    """
    window, model.window = model.window, []
    if window:
        x, y = torch.cat([x for x, _ in window]), torch.cat([y for _, y in window])
        model.concepts.fit_projection(x)
        fit_budget(model)
        _learn(model, x, y, recent=False)
