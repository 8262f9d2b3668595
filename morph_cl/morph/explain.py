"""Why MORPH predicts what it predicts for one image: who answered, with what share, and which concepts lay near.

Every figure of the model's side comes from :func:`~morph_cl.morph.decision.decide`, which is the prediction itself.
The true label is told beside it and never reaches the model.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from morph_cl.errors import UsageError
from morph_cl.morph.decision import Decision, decide
from morph_cl.morph.learning import restrict
from morph_cl.morph.model import MorphModel
from morph_cl.morph.subject import Subject, expert_profiles, model_input
from morph_cl.results.explanation import ConceptFit, ExpertAnswer, ImageExplanation

_CONCEPTS = 8  # concepts that an explanation names
_ABSENT = -1e20  # log-densities below this stand for concepts that do not exist


@torch.no_grad()
def explain_image(subject: Subject, experience: int, index: int) -> ImageExplanation:
    """Explain the prediction for one test image.

    Args:
        subject: the run.
        experience: the experience whose test data it is of.
        index: where it stands there, from 0.

    Returns:
        The explanation; its probabilities are those of the model's own prediction, bit for bit.

    Raises:
        UsageError: the experience has no such test image.
    """
    images, labels, allowed = subject.test_data(experience)
    if not 0 <= index < len(images):
        label = subject.stream.labels[experience]
        raise UsageError(
            f"image {index} is not in 0..{len(images) - 1}: experience {experience + 1} ({label}) has "
            f"{len(images)} test images."
        )
    model, image = subject.model, images[index : index + 1]
    decision = decide(model, model_input(model, image), allowed)
    routed = model.mixture.routed(decision.choice, decision.evidence, decision.answers)
    shared = decision.evidence.shared
    return ImageExplanation(
        **subject.facts(),
        experience=experience,
        index=index,
        true_label=int(labels[index]),
        predicted=int(decision.logits[0].argmax()),
        probabilities=decision.logits[0].softmax(0).tolist(),
        routed=restrict(routed, allowed)[0].softmax(0).tolist(),
        shared=None if shared is None else restrict(shared, allowed)[0].softmax(0).tolist(),
        experts=_answers(subject, decision),
        concepts=_nearest_concepts(model, decision),
        picture=_grey(image[0]),
    )


def _answers(subject: Subject, decision: Decision) -> list[ExpertAnswer]:
    """The experts that answered the only image of a decision, the greatest share first."""
    shares, gate = decision.route[0].exp().tolist(), decision.evidence.gate
    said = dict(zip(decision.choice.rows[0].tolist(), decision.answers[0].exp().tolist(), strict=True))
    answers = [
        ExpertAnswer(
            profile=profile,
            share=shares[row],
            gate=math.nan if gate is None else float(gate[0, row].exp()),
            probabilities=said[row],
        )
        for row, profile in enumerate(expert_profiles(subject))
        if shares[row] > 0
    ]
    return sorted(answers, key=lambda answer: -answer.share)


def _nearest_concepts(model: MorphModel, decision: Decision) -> list[ConceptFit]:
    if decision.evidence.density is None:
        return []
    density = decision.evidence.density[0].flatten()
    best = density.topk(min(_CONCEPTS, len(density))).indices.tolist()
    posterior = density.softmax(0)
    return [
        ConceptFit(
            expert=model.numbers[place // model.classes],
            label=place % model.classes,
            log_density=float(density[place]),
            posterior=float(posterior[place]),
        )
        for place in best
        if float(density[place]) > _ABSENT
    ]


def _grey(image: Tensor) -> list[list[int]]:
    """Rows of grey values in 0..255 of one image (C, H, W); float images are stretched to that range."""
    grey = image.float().mean(0)
    if image.dtype != torch.uint8:
        low, high = float(grey.min()), float(grey.max())
        grey = (grey - low) * (255.0 / (high - low or 1.0))
    rows: list[list[int]] = grey.round().int().tolist()
    return rows
