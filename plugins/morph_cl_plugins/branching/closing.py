"""What happens on held-out data once experts have been trained: temperatures, then thresholds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from morph_cl_plugins.branching.calibration import choose_temperature, choose_threshold
from morph_cl_plugins.branching.model import BranchedModel

Mask = Callable[[Tensor], Tensor | None]
"""From (B,) task labels to the classes that may be answered, (B, classes) bool; None allows all."""


def samples(dataset: Any, size: int, device: Any) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """A data set in its order.

    Args:
        dataset: an Avalanche data set.
        size: samples a batch.
        device: where batches shall lie.

    Yields:
        Images (B, C, H, W), classes (B,) and task labels (B,).
    """
    for columns in DataLoader(dataset, batch_size=size, collate_fn=dataset.collate_fn):
        yield columns[0].to(device), columns[1].to(device), columns[-1].to(device)


@torch.no_grad()
def set_temperature(model: BranchedModel, number: int, batches: Iterator[tuple[Tensor, Tensor, Tensor]]) -> None:
    """Choose the temperature of an expert.

    Args:
        model: the model, in evaluation mode.
        number: the expert.
        batches: held-out samples; those of other classes are left out.
    """
    expert = model.expert(number)
    logits, targets = [], []
    for x, y, _ in batches:
        own = torch.isin(y, expert.classes)
        if bool(own.any()):
            logits.append(model.logits(x[own], number))
            targets.append(torch.searchsorted(expert.classes, y[own]))
    if targets:
        expert.temperature.fill_(choose_temperature(torch.cat(logits), torch.cat(targets)))


@torch.no_grad()
def set_thresholds(
    model: BranchedModel, numbers: Sequence[int], batches: Iterator[tuple[Tensor, Tensor, Tensor]], mask: Mask
) -> dict[int, float]:
    """Choose the thresholds of experts, or take the one that the options fix.

    An expert is judged by the held-out images that routing sends to it, as it will be at test.

    Args:
        model: the model, in evaluation mode, temperatures chosen.
        numbers: the experts.
        batches: held-out samples.
        mask: the classes of a task.

    Returns:
        By expert, the share of those images that it accepts; 1 where there are none.
    """
    columns = [_judged(model, x, y, mask(task)) for x, y, task in batches]
    routed, confidence, right, otherwise = (torch.cat(parts) for parts in zip(*columns, strict=True))
    fixed = model.options.threshold
    coverage = {}
    for number in numbers:
        own = routed == number
        threshold = choose_threshold(confidence[own], right[own], otherwise[own]) if fixed is None else fixed
        expert = model.expert(number)
        expert.threshold.fill_(threshold)
        coverage[number] = float((confidence[own] >= expert.threshold).float().mean()) if bool(own.any()) else 1.0
    return coverage


def _judged(model: BranchedModel, x: Tensor, y: Tensor, allowed: Tensor | None) -> tuple[Tensor, ...]:
    """Who is asked, how sure it is, whether it is right, and what a rejection is worth."""
    decision = model.decide(x, allowed)
    if model.options.rejected == "unknown":
        otherwise = torch.full_like(decision.confidence, 1 - model.options.reject_cost)
    else:
        otherwise = (model.parent.calibrated(model.parent(x), allowed).argmax(1) == y).float()
    return decision.routed, decision.confidence, decision.proposal == y, otherwise
