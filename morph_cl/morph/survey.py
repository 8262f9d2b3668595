"""Who answers for what: MORPH on the test images of one class, or on all of them.

True labels choose the images of a class and are counted afterwards; they never reach the model.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from morph_cl.errors import UsageError
from morph_cl.morph.decision import decide
from morph_cl.morph.lineage import relations_between_experts
from morph_cl.morph.model import MorphModel
from morph_cl.morph.subject import Subject, expert_profiles, model_input
from morph_cl.results.explanation import (
    ClassExplanation,
    ConceptUse,
    ExperienceShares,
    ExpertSummary,
    OverviewExplanation,
)

_CONCEPTS = 8  # concepts that an explanation names


@dataclass(frozen=True)
class _Tested:
    """The predictions for test images of one experience."""

    experience: int
    labels: Tensor  # (N,)
    predicted: Tensor  # (N,)
    shares: Tensor  # (N, E)
    nearest: Tensor  # (N,) place of the nearest concept in the flattened (E, classes) table
    density: Tensor  # (N,) its log-density

    @property
    def correct(self) -> Tensor:
        return (self.predicted == self.labels).double()

    def summary(self, numbers: list[int]) -> ExperienceShares:
        shares = self.shares.mean(0).tolist()
        return ExperienceShares(
            experience=self.experience,
            images=len(self.labels),
            accuracy=float(self.correct.mean()),
            shares={number: share for number, share in zip(numbers, shares, strict=True) if share > 0},
        )


@torch.no_grad()
def _test(subject: Subject, label: int | None = None) -> Iterator[_Tested]:
    """Predict the test images of each experience, all of them or those of one class."""
    model = subject.model
    for experience in range(len(subject.stream)):
        images, labels, allowed = subject.test_data(experience)
        if label is not None:
            images, labels = images[labels == label], labels[labels == label]
        if not len(labels):
            continue
        predicted, shares, nearest, density = [], [], [], []
        for part in torch.split(images, subject.batch_size):
            decision = decide(model, model_input(model, part), allowed)
            predicted.append(decision.logits.argmax(1).cpu())
            shares.append(decision.route.exp().double().cpu())
            if decision.evidence.density is not None:
                best = decision.evidence.density.flatten(1).max(1)
                nearest.append(best.indices.cpu())
                density.append(best.values.double().cpu())
        none = torch.empty(0)
        yield _Tested(
            experience,
            labels,
            torch.cat(predicted),
            torch.cat(shares),
            torch.cat([none.long(), *nearest]),
            torch.cat([none.double(), *density]),
        )


def explain_class(subject: Subject, label: int) -> ClassExplanation:
    """Explain who answers for the test images of one class.

    Args:
        subject: the run.
        label: the class.

    Returns:
        The explanation.

    Raises:
        UsageError: no test image has that label.
    """
    known = sorted({y for at in range(len(subject.stream)) for y in subject.test_data(at)[1].tolist()})
    if label not in known:
        raise UsageError(f"class {label} has no test image; the classes are {', '.join(map(str, known))}.")
    tested, model = list(_test(subject, label)), subject.model
    share = dict(zip(model.numbers, torch.cat([part.shares for part in tested]).mean(0).tolist(), strict=True))
    answering = [profile for profile in expert_profiles(subject) if share[profile.number] > 0]
    return ClassExplanation(
        **subject.facts(),
        label=label,
        experiences=[part.summary(model.numbers) for part in tested],
        concepts=_concept_uses(model, tested),
        experts=sorted(answering, key=lambda profile: -share[profile.number]),
    )


def _concept_uses(model: MorphModel, tested: list[_Tested]) -> list[ConceptUse]:
    nearest, density = torch.cat([part.nearest for part in tested]), torch.cat([part.density for part in tested])
    counts = torch.bincount(nearest)
    uses = [
        ConceptUse(
            expert=model.numbers[place // model.classes],
            label=place % model.classes,
            images=int(counts[place]) / len(nearest),
            log_density=float(density[nearest == place].mean()),
        )
        for place in counts.nonzero().squeeze(1).tolist()
    ]
    return sorted(uses, key=lambda use: -use.images)[:_CONCEPTS]


def explain_overview(subject: Subject) -> OverviewExplanation:
    """Explain what each expert is there for.

    Args:
        subject: the run.

    Returns:
        The explanation; its accuracies are those of the last row of the record's matrix.
    """
    tested, model = list(_test(subject)), subject.model
    shares = torch.cat([part.shares for part in tested])
    leaders, correct = shares.argmax(1), torch.cat([part.correct for part in tested])
    predicted = torch.nn.functional.one_hot(torch.cat([part.predicted for part in tested]), model.classes)
    by_experience = torch.stack([part.shares.mean(0) for part in tested])  # (T, E)
    by_class = predicted.double().T @ shares  # (classes, E)
    experts = []
    for row, profile in enumerate(expert_profiles(subject)):
        led = leaders == row
        experts.append(
            ExpertSummary(
                profile=profile,
                share=float(shares[:, row].mean()),
                led=float(led.double().mean()),
                accuracy=float(correct[led].mean()),
                spread_over_experiences=_normalised_entropy(by_experience[:, row]),
                spread_over_classes=_normalised_entropy(by_class[:, row]),
            )
        )
    return OverviewExplanation(
        **subject.facts(),
        experts=experts,
        experiences=[part.summary(model.numbers) for part in tested],
        relations=relations_between_experts(model.graph.to_json()),
    )


def _normalised_entropy(mass: Tensor) -> float:
    """Entropy of a distribution by its greatest possible value, in [0, 1]; NaN without mass or choice."""
    total = float(mass.sum())
    if len(mass) < 2 or not total:
        return math.nan
    return float(torch.special.entr(mass / total).sum()) / math.log(len(mass))
