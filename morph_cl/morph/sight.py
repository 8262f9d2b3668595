"""The expert in training sees samples through its frame, which small steps keep in line with a world that turns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from morph_cl.morph.align import better_frame
from morph_cl.morph.frames import seen_through, turn_of
from morph_cl.morph.lending import is_settled

if TYPE_CHECKING:
    from morph_cl.morph.adapting import Adapting
    from morph_cl.morph.model import MorphModel

_OFTEN, _SELDOM = 2, 10  # batches from one look at the frame to the next, with more errors than usual and without
_UNEASY = 0.02  # error rate beyond the usual
_SIGHTED = 30  # samples that a frame is judged by, at the least
_WORTH_NOTING = 20.0  # degrees


def see(model: MorphModel, adapting: Adapting, x: Tensor, y: Tensor) -> None:
    """Keep samples as the expert in training sees them, once its frame fits what it has seen lately.

    Args:
        model: the model.
        adapting: its short-term side.
        x: (B, C, H, W) samples of that expert.
        y: (B,) int64 classes.
    """
    if model.pool.framed:
        adapting.sight.add(x, y)
        often = _OFTEN if adapting.effort.fast > adapting.effort.slow + _UNEASY else _SELDOM
        if is_settled(model) and len(adapting.sight) >= _SIGHTED and model.iteration % often == 0:
            _adjust(model, adapting)
        x = seen_through(x, model.pool.frame(model.active))
    adapting.recent.add(x, y)


def _adjust(model: MorphModel, adapting: Adapting) -> None:
    """Take the step of the frame that the latest samples ask for, if they ask for any."""
    frame = better_frame(model, *adapting.sight.all())
    if frame is None:
        return
    before, now = turn_of(model.pool.frame(model.active)), turn_of(frame)
    model.pool.set_frame(model.active, frame)
    adapting.turned += (now - before + 180.0) % 360.0 - 180.0
    if abs(adapting.turned) > _WORTH_NOTING:
        model.note("follow", expert=model.active, turn=round(now, 1), by=round(adapting.turned, 1))
        adapting.turned = 0.0
