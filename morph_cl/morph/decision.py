"""One routed prediction with all that led to it: prediction and explanation are the same computation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from torch import Tensor

from morph_cl.morph.dispatch import answers
from morph_cl.morph.learning import restrict
from morph_cl.morph.lending import is_settled
from morph_cl.morph.mixture import Choice, Evidence

if TYPE_CHECKING:
    from morph_cl.morph.model import MorphModel


@dataclass(frozen=True)
class Decision:
    """What a batch's prediction was made of.

    Args:
        evidence: what was known before any routed expert ran.
        choice: the experts that answered.
        answers: (B, k, classes) log-probabilities of the chosen experts; zeros where one did not answer.
        logits: (B, classes) the prediction.
    """

    evidence: Evidence
    choice: Choice
    answers: Tensor
    logits: Tensor

    @cached_property
    def route(self) -> Tensor:
        """(B, E) log-probabilities over experts, -inf where an expert did not answer."""
        return self.choice.route


def decide(model: MorphModel, x: Tensor, allowed: Tensor | None = None) -> Decision:
    """Make the routed prediction.

    Args:
        model: the model.
        x: (B, C, H, W).
        allowed: (B, classes) or (classes,) bool, the classes of each sample's task; None allows all.

    Returns:
        The prediction and its parts.
    """
    evidence = model.evidence(x, allowed)
    if model.adapting is not None:
        evidence = replace(
            evidence,
            context=model.adapting.context,
            numbers=model.numbers,
            young=None if is_settled(model) else model.row,
            mute=model.adapting.effort.moving or not model.adapting.trust.given,
        )
    choice = model.mixture.choose(evidence, len(model.pool)).expand(len(x))
    said = answers(model.pool, choice, x, model.classes)
    logits = restrict(model.mixture.combine(choice, evidence, said), allowed)
    return Decision(evidence, choice, said, logits)
