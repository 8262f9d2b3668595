"""The mixture's weights are fitted to held-out samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from morph_cl.morph.sleep.held_out import HeldOut

if TYPE_CHECKING:
    from morph_cl.morph.model import MorphModel

_SHARES = (1.0, 0.5, 0.25)  # of the way to the fit, tried in turn: a lower loss may cost accuracy at the end of the way


def calibrate(model: MorphModel, held: HeldOut) -> bool:
    """Fit the mixture's weights, and go as far towards the fit as the bounds allow.

    Args:
        model: the model.
        held: the samples to fit to.

    Returns:
        Whether the weights moved and that changed the accuracy.
    """
    before, old = held.verdict(), model.mixture.weights.clone()
    model.mixture.calibrate(held.evidence(), len(model.pool), held.answers.to, held.y)
    fitted = model.mixture.weights
    for share in _SHARES:
        model.mixture.weights = old.lerp(fitted, share)  # logarithms: a geometric mean of the weights
        if held.stands(before):
            return held.verdict().accuracy != before.accuracy
    model.mixture.weights = old
    return False
