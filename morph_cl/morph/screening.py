"""Which experts' densities are worth looking at: one Gaussian a concept decides, cheaply, before mixtures are asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from morph_cl.morph.densities import exclude
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
    z = concepts.projection(x)
    promise = model.mixture.promise(concepts.densities.nearest(z, allowed), gate)
    asked = promise >= promise.amax(1, keepdim=True) - model.options.margin
    if known is None or known.density is None or known.asked is None:
        density = concepts.densities.fine(z, asked)
    else:
        density = concepts.densities.fine(z, asked & ~known.asked)
        density = torch.where((asked & known.asked).unsqueeze(2), known.density, density)
    for number, lender in lenders(model).items():
        row = model.numbers.index(number)
        density[:, row] = borrowed_density(model, x, number, lender)
        asked[:, row] = True
    return exclude(density, allowed), asked
