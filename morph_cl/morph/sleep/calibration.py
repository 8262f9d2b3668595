"""The mixture's weights are fitted to held-out samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from morph_cl.morph.sleep.held_out import HeldOut

if TYPE_CHECKING:
    from morph_cl.morph.model import MorphModel


def calibrate(model: MorphModel, held: HeldOut) -> None:
    """Fit the mixture's weights; a fit that costs accuracy is undone.

    Args:
        model: the model.
        held: the samples to fit to.
    """
    before, old = held.accuracy(), model.mixture.weights.clone()
    model.mixture.calibrate(held.evidence(), held.answers(), held.y)
    if held.accuracy() < before - model.options.bound:
        model.mixture.weights = old
