"""Which experts' densities are worth looking at: one rough Gaussian a concept decides before mixtures are asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from morph_cl.morph.densities import exclude
from morph_cl.morph.expert_density import ABSENT
from morph_cl.morph.lending import borrowed_density, lenders

if TYPE_CHECKING:
    from morph_cl.morph.mixture import Evidence
    from morph_cl.morph.model import MorphModel


@torch.no_grad()
def screened(
    model: MorphModel, x: Tensor, gate: Tensor | None, allowed: Tensor | None, known: Evidence | None
) -> tuple[Tensor | None, Tensor | None]:
    """Log-densities of inputs under the concepts of the experts that may answer them.

    Args:
        model: the model.
        x: (B, C, H, W).
        gate: (B, E) log-probabilities of the gate, or None.
        allowed: (B, classes) or (classes,) bool, the classes of each sample's task; None allows all.
        known: evidence of the same inputs whose densities hold still, whatever the gate said then; or None.

    Returns:
        (B, E, classes) log-densities, and (B, E) bool whose they are. Both None before there are any; the second None
        where all were asked.
    """
    concepts = model.concepts
    if not (concepts.projection.fitted and bool(concepts.owned.any())):
        return None, None
    if len(model.pool) < 2:
        return exclude(concepts.log_density(x), allowed), None
    density, asked = _looked_at(model, concepts.projection(x), gate, allowed, known)
    for number, lender in lenders(model).items():
        row = model.numbers.index(number)
        density[:, row] = borrowed_density(model, x, number, lender)
        asked[:, row] = True
    return exclude(density, allowed), asked


def _looked_at(
    model: MorphModel, z: Tensor, gate: Tensor | None, allowed: Tensor | None, known: Evidence | None
) -> tuple[Tensor, Tensor]:
    """First the densities of the likeliest expert, then those of whoever comes near what these turn out to say."""
    densities, mixture = model.concepts.densities, model.mixture
    promise = mixture.promise(densities.nearest(z, allowed), gate)
    density = z.new_full((*promise.shape, densities.classes), ABSENT)
    there = torch.zeros_like(promise, dtype=torch.bool)
    if known is not None and known.density is not None and known.asked is not None:
        there = known.asked
        density = torch.where(there.unsqueeze(2), known.density, density)
    best = promise.max(1, keepdim=True).indices  # argmax takes several times as long along a strided axis
    asked = torch.zeros_like(there).scatter_(1, best, True)
    densities.fill(density, z, asked & ~there)
    said = exclude(density.gather(1, best.unsqueeze(2).expand(-1, -1, densities.classes)), allowed).amax(2)
    level = mixture.promise(said, None if gate is None else gate.gather(1, best))
    near = promise >= level - model.options.margin
    crowded = (near.sum(1) > model.options.closely).nonzero().squeeze(1)
    if len(crowded):
        likeliest = promise[crowded].topk(model.options.closely, 1).values
        near[crowded] &= promise[crowded] >= likeliest[:, -1:]
    densities.fill(density, z, near & ~asked & ~there)
    asked |= near
    return density if known is None else density.masked_fill_(~asked.unsqueeze(2), ABSENT), asked
