"""What the finished model measures of itself on test data."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from morph_cl import LabelledBatch, aurc, risk_at, risk_coverage
from morph_cl_plugins.branching.closing import Mask
from morph_cl_plugins.branching.expert import MASKED
from morph_cl_plugins.branching.model import BranchedModel

_COVERAGES = range(10, 101, 10)
"""Per cent of the images, where the risk-coverage curve is kept."""


@dataclass(frozen=True)
class _Rows:
    """One entry a test image.

    Args:
        right: whether the answer is right; an unknown is not.
        proposed_right: whether the routed expert's proposal is right.
        confidence: of the proposal.
        accepted: whether it was accepted.
        macs: multiply-accumulates spent.
        parent_right: whether the parent alone is right.
        oracle: the expert that the label names.
        oracle_right: whether that expert is right.
        oracle_accepted: whether it is sure enough.
        free_right: whether the parent is right, its logits restricted to the classes of that expert.
        found: whether the routed expert is that one.
    """

    right: Tensor
    proposed_right: Tensor
    confidence: Tensor
    accepted: Tensor
    macs: Tensor
    parent_right: Tensor
    oracle: Tensor
    oracle_right: Tensor
    oracle_accepted: Tensor
    free_right: Tensor
    found: Tensor


@torch.no_grad()
def final_figures(model: BranchedModel, batches: Iterable[LabelledBatch], mask: Mask) -> dict[str, float]:
    """Measure accuracy, acceptance and cost.

    Args:
        model: the model, in evaluation mode.
        batches: the test data.
        mask: the classes of a task.

    Returns:
        Figures by name; shares in [0, 1], NaN where nothing was accepted.
    """
    parts = [_rows(model, batch, mask) for batch in batches]
    if not parts:
        return {}
    rows = _Rows(**{name: torch.cat([getattr(part, name) for part in parts]) for name in _Rows.__dataclass_fields__})
    confidence, proposed_right = rows.confidence.tolist(), rows.proposed_right.tolist()
    figures = {
        "accuracy": _share(rows.right),
        "parent_accuracy": _share(rows.parent_right),
        "oracle_branch_accuracy": _share(rows.oracle_right),
        "oracle_free_accuracy": _share(rows.free_right),
        "routed_as_trained": _share(rows.found),
        "coverage": _share(rows.accepted),
        "accepted_accuracy": _share(rows.proposed_right[rows.accepted]),
        "aurc": aurc(confidence, proposed_right),
        "macs_per_prediction": float(rows.macs.double().mean()),
        "parent_macs": float(model.parent.macs),
    }
    risks = risk_coverage(confidence, proposed_right)
    for percent in _COVERAGES:
        figures[f"risk_at_{percent}_coverage"] = risk_at(risks, percent / 100)
    for number in range(1, len(model)):
        own = rows.oracle == number
        figures[f"oracle_branch_{number}_accuracy"] = _share(rows.oracle_right[own])
        figures[f"oracle_branch_{number}_coverage"] = _share(rows.oracle_accepted[own])
        accepted = own & rows.oracle_accepted
        figures[f"oracle_branch_{number}_accepted_accuracy"] = _share(rows.oracle_right[accepted])
    return figures


def _share(values: Tensor) -> float:
    return float(values.double().mean()) if len(values) else math.nan


def _rows(model: BranchedModel, batch: LabelledBatch, mask: Mask) -> _Rows:
    x, y = batch.x, batch.y
    allowed = mask(torch.full_like(y, batch.task))
    decision = model.decide(x, allowed)
    parent = model.parent.calibrated(model.parent(x), allowed)
    oracle = oracle_experts(model, y, batch.experience)
    oracle_right, oracle_accepted, free_right = (torch.zeros_like(y, dtype=torch.bool) for _ in range(3))
    for number in sorted(set(oracle.tolist())):
        own = (oracle == number).nonzero().squeeze(1)
        expert = model.expert(number)
        log_probs = expert.calibrated(model.logits(x[own], number), None if allowed is None else allowed[own])
        best = log_probs.max(1)
        oracle_right[own] = expert.classes[best.indices] == y[own]
        oracle_accepted[own] = best.values.exp() >= expert.threshold
        outside = torch.ones(model.class_count, dtype=torch.bool, device=y.device)
        outside[expert.classes] = False
        free_right[own] = parent[own].masked_fill(outside, 2 * MASKED).argmax(1) == y[own]
    return _Rows(
        right=(decision.log_probs.argmax(1) == y) & ~decision.unknown,
        proposed_right=decision.proposal == y,
        confidence=decision.confidence,
        accepted=decision.accepted,
        macs=decision.macs,
        parent_right=parent.argmax(1) == y,
        oracle=oracle,
        oracle_right=oracle_right,
        oracle_accepted=oracle_accepted,
        free_right=free_right,
        found=decision.routed == oracle,
    )


def oracle_experts(model: BranchedModel, y: Tensor, experience: int) -> Tensor:
    """The expert that a label and its experience name.

    Args:
        model: the model.
        y: (B,) int64 classes.
        experience: index of the experience that they are of.

    Returns:
        (B,) int64 experts.
    """
    table = torch.tensor([model.specialist(label, experience) for label in range(model.class_count)], device=y.device)
    return table[y]
