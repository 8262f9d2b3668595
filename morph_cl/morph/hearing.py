"""What the experts say of a batch before anyone learns it: who copes, whose samples they are, which no one answers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from morph_cl.morph.align import strays_explained
from morph_cl.morph.growth import expert_losses, is_mature, least_rise, look
from morph_cl.morph.lending import is_settled
from morph_cl.morph.mixture import FLOOR

if TYPE_CHECKING:
    from morph_cl.morph.adapting import Adapting
    from morph_cl.morph.model import MorphModel

_ASKED = 4
"""Experts that answer each batch before it is learned: those with the largest shares, and the one in training."""
_ANSWERED = 1.0  # nats: a loss below it is an answer
_CLAIM = 2.0  # nats by which an expert must answer a sample better to claim it


@dataclass(frozen=True)
class Heard:
    """What a batch's labels say of the experts.

    Args:
        pressed: how far the experts in demand lie above their usual loss, in its standard deviations.
        mine: (B,) bool, the samples that no other expert claims from the one in training.
    """

    pressed: float
    mine: Tensor


def hear(model: MorphModel, adapting: Adapting, x: Tensor, y: Tensor) -> Heard:
    """Let the experts that may be needed answer, and tell all that depends on how well they do.

    A context that comes in little by little shows in single samples; where a frame explains those, an expert grows.

    Args:
        model: the model.
        adapting: its short-term side.
        x: (B, C, H, W).
        y: (B,) int64 classes.

    Returns:
        What was heard.
    """
    with torch.no_grad():
        answers = model.pool(model.active, x)
    adapting.context.keep(model.numbers)
    asked = {model.active, *adapting.context.leaders(_ASKED)}
    losses = {number: expert_losses(model, row, x, y) for row, number in enumerate(model.numbers) if number in asked}
    adapting.context.hear({number: -loss for number, loss in losses.items()})
    if _grow_for_strays(model, adapting, losses, x, y):
        losses[model.active] = expert_losses(model, model.row, x, y)
    mine = _unclaimed(model, losses)
    adapting.effort.hear((answers.argmax(1) != y)[mine].float().tolist())
    _judge_densities(model, adapting, answers[mine], x[mine], y[mine])
    if not model.options.surprise:
        return Heard(math.inf, mine)
    return Heard(min(least_rise(model, losses), _joint_rise(model, adapting, losses)), mine)


def likely(model: MorphModel, adapting: Adapting) -> list[int]:
    """All experts, those that were needed lately first.

    Args:
        model: the model.
        adapting: its short-term side.
    """
    return list(dict.fromkeys([*adapting.context.leaders(_ASKED), *reversed(model.numbers)]))


def _grow_for_strays(model: MorphModel, adapting: Adapting, losses: dict[int, Tensor], x: Tensor, y: Tensor) -> bool:
    """Whether an expert was grown for the samples of late that none of the experts answered."""
    if not model.pool.framed or not is_settled(model) or model.watch.quiet:
        return False
    if not adapting.strays.hear(torch.stack(list(losses.values())).amin(0), x, y):
        return False
    halves = [(images.to(x.device), classes.to(y.device)) for images, classes in adapting.strays.halves()]
    alignment = strays_explained(model, halves, likely(model, adapting))
    if alignment is None:
        return False
    adapting.strays.clear()  # refused or not: they are not asked about again
    return model.grow(look(model, x, y), alignment)


def _unclaimed(model: MorphModel, losses: dict[int, Tensor]) -> Tensor:
    """(B,) bool: the samples that none of its kin answers where the expert in training does not; one at the least."""
    own = losses[model.active]
    kin = [losses[number] for number in model.pool.kin(model.active) if number in losses and number != model.active]
    if not kin:
        return torch.ones_like(own, dtype=torch.bool)
    mine = (own < _ANSWERED) | (own < torch.stack(kin).amin(0) + _CLAIM)
    mine[own.argmin()] = True
    return mine


def _joint_rise(model: MorphModel, adapting: Adapting, losses: dict[int, Tensor]) -> float:
    """The least rise above their levels of several experts in demand, each sample answered by the best of them.

    Infinite where fewer than two are in demand.
    """
    wanted = [number for number in losses if adapting.context.wants(number)]
    if len(wanted) < 2:
        return math.inf
    best = torch.stack([losses[number] for number in wanted]).amin(0)
    return least_rise(model, dict.fromkeys(wanted, best))


@torch.no_grad()
def _judge_densities(model: MorphModel, adapting: Adapting, answers: Tensor, x: Tensor, y: Tensor) -> None:
    """Compare the answers (B, classes) of the expert in training with what its densities make of them."""
    if not is_mature(model):
        return
    asked = (torch.arange(len(model.pool), device=x.device) == model.row).expand(len(x), -1)
    density = model.concepts.log_density(x, asked)
    within = density[:, model.row].log_softmax(1).clamp_min(FLOOR)
    joined = (within * model.mixture.weight("concept") + answers).log_softmax(1)
    losses = [nn.functional.nll_loss(said, y, reduction="none").tolist() for said in (answers, joined)]
    adapting.trust.hear(*losses)
