"""Dispatch: each expert runs on the images that are routed to it and on no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from morph_cl.morph.logsums import log_normalized
from morph_cl.morph.precision import rounded

if TYPE_CHECKING:
    from morph_cl.morph.experts import ExpertPool
    from morph_cl.morph.mixture import Choice

_RUN = 1_024  # images that an expert is given at once: what it makes of them stays in the processor's cache


def answers(pool: ExpertPool, choice: Choice, x: Tensor, classes: int) -> Tensor:
    """What the routed experts say.

    Images are grouped by expert in one pass over the choice, so an expert that nothing is routed to costs nothing.

    Args:
        pool: the experts.
        choice: the experts that answer, by rows in the pool's order; a row an image.
        x: (B, C, H, W).
        classes: width of an expert's output.

    Returns:
        (B, k, classes) log-probabilities of the chosen experts; zeros where one does not matter.
    """
    size, most = choice.rows.shape
    places = choice.chosen.isfinite().flatten().nonzero().squeeze(1)  # (P,) one for an image and an expert
    owner = choice.rows.flatten()[places]
    places = places[owner.argsort(stable=True)]  # expert by expert
    images = places.div(most, rounding_mode="floor")
    sizes = owner.bincount(minlength=len(pool)).tolist()
    batch = _Batch(x)
    found = [
        batch.answer(pool, number, run)
        for number, mine in zip(pool.numbers, torch.split(images, sizes), strict=True)
        for run in torch.split(mine, _RUN)
        if len(run)
    ]
    said = x.new_zeros(size * most, classes)
    if found:
        said.index_copy_(0, places, log_normalized(torch.cat(found), 1))
    return said.view(size, most, classes)


class _Batch:
    """Images, in each type that experts take them in.

    Args:
        x: (B, C, H, W).
    """

    def __init__(self, x: Tensor) -> None:
        self.x = x
        self._by_type = {x.dtype: x}

    def answer(self, pool: ExpertPool, number: int, images: Tensor) -> Tensor:
        """What an expert says of some of the images.

        Args:
            pool: the experts.
            number: the expert's number.
            images: (N,) int64, which; at least one.

        Returns:
            (N, classes) logits of the type of ``x``.
        """
        net, runner = pool.net(number), pool.runner
        wanted, kind = len(images), runner.takes(net, self.x)
        filled = rounded(wanted, runner.multiplies(net, self.x))
        if kind not in self._by_type:
            self._by_type[kind] = self.x.to(kind)
        if filled > wanted:
            images = functional.pad(images, (0, filled - wanted), value=int(images[0]))
        logits: Tensor = pool.logits(number, self._by_type[kind].index_select(0, images))
        return logits[:wanted].to(self.x.dtype)
