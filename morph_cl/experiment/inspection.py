"""A finished run from close by: who answers for what, which classes are mistaken, what went wrong most surely."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from morph_cl.bridge.observation import Observations
from morph_cl.bridge.stream import Stream
from morph_cl.metrics.selective import aurc, risk_at, risk_coverage
from morph_cl.metrics.specialisation import normalised_entropy, normalised_mutual_information, purity
from morph_cl.results.inspection import Agreement, ExpertUse, Inspection, Mistake, Usage
from morph_cl.results.record import RunRecord


def summarise(
    seen: Observations, stream: Stream, record: RunRecord, *, mistakes: int, own_figures: dict[str, float]
) -> Inspection:
    """Draw together what was observed of a run's final model.

    Args:
        seen: what it says of every test image.
        stream: the run's stream.
        record: the run's record.
        mistakes: how many wrong predictions to keep.
        own_figures: what the strategy measured of itself.

    Returns:
        The inspection.
    """
    hit = seen.predicted == seen.label
    right = hit.double()
    risks = risk_coverage(seen.confidence.tolist(), hit.tolist())
    return Inspection(
        run_id=record.run_id,
        scenario=record.scenario,
        strategy=record.strategy,
        dataset=record.dataset,
        seed=record.seed,
        experience_labels=list(stream.labels),
        accuracy=_means(right.unsqueeze(1), seen.experience, len(stream)).squeeze(1).tolist(),
        confusion=_table(seen.label, seen.predicted, stream.classes, stream.classes),
        mistakes=_mistakes(seen, stream, mistakes),
        risk=[risk_at(risks, percent / 100) for percent in range(5, 101, 5)],
        aurc=aurc(seen.confidence.tolist(), hit.tolist()),
        usage=None if seen.weights is None else _usage(seen, seen.weights, right, stream),
        curve=record.curve,
        own_figures=own_figures,
    )


def _usage(seen: Observations, weights: Tensor, right: Tensor, stream: Stream) -> Usage:
    count, lead = len(seen.names), weights.argmax(1)
    mean = weights.double().mean(0).tolist()
    led = torch.bincount(lead, minlength=count) / len(lead)
    accuracy = _means(right.unsqueeze(1), lead, count).squeeze(1).tolist()
    labels = _table(lead, seen.label, count, stream.classes)
    experiences = _table(lead, seen.experience, count, len(stream))
    agreement = [_agreement("label", labels), _agreement("experience", experiences)]
    assigned_led = math.nan
    if seen.assigned is not None and bool((seen.assigned >= 0).any()):
        known = seen.assigned >= 0
        agreement.append(_agreement("assigned expert", _table(lead[known], seen.assigned[known], count, count)))
        assigned_led = float((lead == seen.assigned)[known].double().mean())
    return Usage(
        experts=[
            ExpertUse(
                name=name,
                weight=mean[row],
                led=float(led[row]),
                accuracy=accuracy[row],
                label_entropy=normalised_entropy(labels[row]),
            )
            for row, name in enumerate(seen.names)
        ],
        by_experience=_means(weights, seen.experience, len(stream)).tolist(),
        by_label=_means(weights, seen.label, stream.classes).tolist(),
        entropy=normalised_entropy(mean),
        agreement=agreement,
        assigned_led=assigned_led,
    )


def _agreement(groups: str, table: list[list[int]]) -> Agreement:
    return Agreement(groups=groups, nmi=normalised_mutual_information(table), purity=purity(table))


def _mistakes(seen: Observations, stream: Stream, most: int) -> list[Mistake]:
    wrong = (seen.predicted != seen.label).nonzero().squeeze(1)
    order = seen.confidence[wrong].argsort(descending=True, stable=True)[:most]
    lead = None if seen.weights is None else seen.weights.argmax(1)
    found = []
    for place in wrong[order].tolist():
        experience, sample = int(seen.experience[place]), int(seen.sample[place])
        found.append(
            Mistake(
                experience=experience,
                sample=sample,
                label=int(seen.label[place]),
                predicted=int(seen.predicted[place]),
                confidence=float(seen.confidence[place]),
                expert=None if lead is None else seen.names[int(lead[place])],
                picture=_picture(stream.benchmark.test_stream[experience].dataset[sample][0]),
            )
        )
    return found


def _picture(image: Tensor) -> list[list[list[int]]]:
    """Pixels of an image (C, H, W) float, in colour where C is 3; one that leaves [0, 1] is stretched to it."""
    if len(image) != 3:
        image = image.mean(0, keepdim=True)
    low, high = float(image.min()), float(image.max())
    if low < 0 or high > 1:
        image = (image - low) / (high - low or 1.0)
    pixels: list[list[list[int]]] = (255 * image).round().int().permute(1, 2, 0).tolist()
    return pixels


def _table(row: Tensor, column: Tensor, rows: int, columns: int) -> list[list[int]]:
    """Counts (rows, columns) of the pairs."""
    counts: list[list[int]] = torch.bincount(row * columns + column, minlength=rows * columns).view(rows, -1).tolist()
    return counts


def _means(values: Tensor, group: Tensor, groups: int) -> Tensor:
    """Means (groups, K) of values (N, K), NaN for a group without values."""
    sums = torch.zeros(groups, values.shape[1], dtype=torch.float64).index_add_(0, group, values.double())
    return sums / torch.bincount(group, minlength=groups).unsqueeze(1)
