"""How well answers are with the tag that the label names, with the gate's, and with the most confident one."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from morph_cl import LabelledBatch
from morph_cl_plugins.static_partition.model import PartitionModel

Mask = Callable[[Tensor], Tensor | None]
"""From (B,) task labels to the classes that may be answered, (B, classes) bool; None allows all."""


@torch.no_grad()
def final_figures(model: PartitionModel, batches: Iterable[LabelledBatch], mask: Mask) -> dict[str, float]:
    """Measure each way of finding the tag.

    Args:
        model: the model, in evaluation mode.
        batches: the test data.
        mask: the classes of a task.

    Returns:
        ``oracle_tag_accuracy``, ``gate_accuracy``, ``confidence_accuracy``, and the shares of images whose tag the
        gate and confidence find, ``gate_tag_share`` and ``confidence_tag_share``.
    """
    columns: dict[str, list[Tensor]] = {}
    for batch in batches:
        for name, right in _rows(model, batch, mask).items():
            columns.setdefault(name, []).append(right)
    return {name: float(torch.cat(rows).float().mean()) for name, rows in columns.items()}


def _rows(model: PartitionModel, batch: LabelledBatch, mask: Mask) -> dict[str, Tensor]:
    """What is right about each image, (B,) bool by figure."""
    allowed = mask(torch.full_like(batch.y, batch.task))
    every = model.every(batch.x, allowed)
    own = torch.full_like(batch.y, batch.experience) if model.by_experience else model.tag_of[batch.y]
    gated, confident = model.gated(batch.x, allowed), model.confident(every, allowed).tags
    image = torch.arange(len(own), device=own.device)

    def right(tags: Tensor) -> Tensor:
        return every[tags, image].argmax(1) == batch.y

    return {
        "oracle_tag_accuracy": right(own),
        "gate_accuracy": right(gated),
        "gate_tag_share": gated == own,
        "confidence_accuracy": right(confident),
        "confidence_tag_share": confident == own,
    }
