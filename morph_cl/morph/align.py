"""Alignment: which expert, seen through which frame, already answers samples of a context that none of them covers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from morph_cl.morph.frames import steps_around, turn_of, turns

if TYPE_CHECKING:
    from morph_cl.morph.model import MorphModel

_TURNS = 24  # frames all the way round, 15 degrees apart: half of that lies within what an expert tolerates
_LOOKED_AT = 60  # samples, at most, that a search looks at
_TRIED = 4  # experts, at most, that are turned
_LEAST = 8  # samples that a frame is found by, at the least
_GAIN = 0.5  # share of the unturned loss that a frame must come below
_KNOWN = 0.5  # share of the loss of knowing nothing, log(classes), that it must come below
_ANSWERED = 0.7  # nats: the right class has half of the probability
_MOST = 0.6  # share of the strays of each half that a frame must answer
_FAR = 4  # turns of 15 degrees: strays that less would explain are slanted, or for the steps of the frame
_WORST = 5.0  # nats that one stray counts at most
_DEGREES = (2.0, 5.0, 12.0)
_STRETCH, _SHIFT = 0.05, 0.05
_SURE = 4.0  # nats, over all samples looked at, that a step of the frame must gain


@dataclass(frozen=True)
class Alignment:
    """A frame that makes a context known.

    Args:
        expert: number of the expert that knows it.
        frame: (2, 3).
        loss: its mean loss through the frame, in nats.
    """

    expert: int
    frame: Tensor
    loss: float

    @property
    def degrees(self) -> float:
        """How far the frame is turned, in -180..180."""
        return turn_of(self.frame)


@torch.no_grad()
def find_alignment(model: MorphModel, x: Tensor, y: Tensor, experts: list[int]) -> Alignment | None:
    """Turn the experts' frames all the way round and see whether one of them knows the samples.

    Args:
        model: a model with ``align=affine``.
        x: (B, C, H, W) samples of a new context.
        y: (B,) int64 classes.
        experts: numbers of the experts to try, the likeliest first.

    Returns:
        The best expert and frame, if the samples are many enough and its loss is both low and far below every
        expert's through its own frame; else None.
    """
    x, y = x[-_LOOKED_AT:], y[-_LOOKED_AT:]
    if len(y) < _LEAST:
        return None
    best: Alignment | None = None
    unturned = math.inf
    for number in experts[:_TRIED]:
        frames = turns(model.pool.frame(number), _TURNS)
        losses = frame_losses(model, number, frames, x, y).mean(1)
        unturned = min(unturned, float(losses[0]))
        at = int(losses.argmin())
        if best is None or float(losses[at]) < best.loss:
            best = Alignment(number, frames[at], float(losses[at]))
    limit = min(_GAIN * unturned, _KNOWN * math.log(model.classes))
    return best if best is not None and best.loss < limit else None


@torch.no_grad()
def strays_explained(model: MorphModel, halves: list[tuple[Tensor, Tensor]], experts: list[int]) -> Alignment | None:
    """A frame that most strays are known through: found on one half of them, confirmed by the other.

    Args:
        model: a model with ``align=affine``.
        halves: images and classes of two heaps of strays.
        experts: numbers of the experts to try, the likeliest first.

    Returns:
        The expert and the frame; None where no frame explains the strays.
    """
    (x, y), (other_x, other_y) = halves
    best: tuple[float, Alignment] | None = None
    for number in experts[:_TRIED]:
        frames = turns(model.pool.frame(number), _TURNS)[_FAR : 1 - _FAR]
        losses = frame_losses(model, number, frames, x, y)
        known = (losses < _ANSWERED).float().mean(1)
        at = int((known - losses.clamp_max(_WORST).mean(1) / 100).argmax())
        if best is None or float(known[at]) > best[0]:
            best = float(known[at]), Alignment(number, frames[at], float(losses[at].mean()))
    if best is None or best[0] < _MOST:
        return None
    number = best[1].expert
    confirmed = frame_losses(model, number, best[1].frame[None], other_x, other_y)[0] < _ANSWERED
    if float(confirmed.float().mean()) < _MOST:
        return None
    frames = turns(model.pool.frame(number), _TURNS)[_FAR : 1 - _FAR]
    losses = frame_losses(model, number, frames, torch.cat([x, other_x]), torch.cat([y, other_y]))
    losses = losses.clamp_max(_WORST).mean(1)
    at = int(losses.argmin())
    return Alignment(number, frames[at], float(losses[at]))


@torch.no_grad()
def better_frame(model: MorphModel, x: Tensor, y: Tensor) -> Tensor | None:
    """A step of the frame of the expert in training that lowers its loss beyond chance.

    Args:
        model: a model with ``align=affine``.
        x: (B, C, H, W) the latest samples.
        y: (B,) int64 classes.

    Returns:
        (2, 3) the frame after the step, or None where it is best as it is.
    """
    frames = steps_around(model.pool.frame(model.active), _DEGREES, _STRETCH, _SHIFT)
    losses = frame_losses(model, model.active, frames, x, y)  # (N, B)
    gain = (losses[0] - losses).sum(1)
    at = int(gain.argmax())
    return frames[at] if float(gain[at]) > _SURE else None


def frame_losses(model: MorphModel, number: int, frames: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """An expert's loss on each sample through each frame.

    Args:
        model: the model.
        number: the expert.
        frames: (N, 2, 3).
        x: (B, C, H, W).
        y: (B,) int64 classes.

    Returns:
        (N, B) in nats.
    """
    count, net = len(frames), model.pool.net(number)
    training = net.training
    net.eval()
    said = model.pool(number, x.repeat(count, 1, 1, 1), frames.repeat_interleave(len(x), 0))
    net.train(training)
    return nn.functional.nll_loss(said, y.repeat(count), reduction="none").view(count, len(y))
