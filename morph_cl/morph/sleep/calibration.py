"""The mixture's weights are fitted to held-out samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from morph_cl.morph.sleep.held_out import HeldOut

if TYPE_CHECKING:
    from morph_cl.morph.model import MorphModel


def calibrate(model: MorphModel, held: HeldOut) -> bool:
    """Fit the mixture's weights; a fit that costs accuracy is undone.

    Args:
        model: the model.
        held: the samples to fit to.

    Returns:
        Whether the fit stands and changed the accuracy.
    """
    before, old = held.accuracy(), model.mixture.weights.clone()
    model.mixture.calibrate(held.evidence(), held.answers(), held.y)
    after = held.accuracy()
    if after < before - model.options.bound:
        model.mixture.weights = old
        return False
    return after != before
