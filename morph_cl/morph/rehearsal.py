"""Steps between two batches of a stream without boundaries: the expert in training goes over what it has just met."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from morph_cl.morph.augment import jitter
from morph_cl.morph.frames import identity, seen_through
from morph_cl.morph.learning import own_places

if TYPE_CHECKING:
    from morph_cl.morph.model import MorphModel

_LATEST = 200  # samples that an expert learns from while what it learns moves


def rehearse(model: MorphModel, optimizer: torch.optim.Optimizer) -> None:
    """Take as many steps as the batch just learned is worth.

    Args:
        model: the model.
        optimizer: what covers its trainable parameters.
    """
    adapting = model.adapting
    if adapting is None or not len(adapting.recent):
        return
    parameters = list(model.pool.net(model.active).parameters())
    held = [tensor for group in optimizer.param_groups for tensor in group["params"]]
    for _ in range(adapting.effort.steps()):
        x, y = _samples(model)
        seen = (x, identity(x)) if model.pool.framed else (x,)
        loss = nn.functional.nll_loss(model.pool(model.active, *seen), y)
        for tensor in held:
            tensor.grad = None
        for tensor, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            tensor.grad = gradient
        optimizer.step()
        model.pool.follow(model.active)


def _samples(model: MorphModel) -> tuple[Tensor, Tensor]:
    """Half of a step's samples are recent, the others remembered ones of the same expert; all are while it moves."""
    adapting, memory = model.adapting, model.memory
    assert adapting is not None
    size = max(model.options.replay // 2, 16)
    if adapting.effort.moving:
        parts = [adapting.recent.draw(size, _LATEST)]
    else:
        owned = own_places(model)
        parts = [adapting.recent.draw(size // 2)]
        if len(owned):
            places = memory.draw(size // 2, among=owned)
            past = memory.images(places)
            past = seen_through(past, memory.frame[places]) if model.pool.framed else past
            parts.append((past, memory.y[places].long()))
    x, y = torch.cat([x for x, _ in parts]), torch.cat([y for _, y in parts])
    return (jitter(x) if model.options.augment == "affine" else x), y
