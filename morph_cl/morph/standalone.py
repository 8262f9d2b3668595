"""MORPH without a strategy: one step on a stream without boundaries, and evaluation on batches."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from morph_cl.errors import UsageError
from morph_cl.morph.arrival import observe
from morph_cl.morph.decision import decide
from morph_cl.morph.intake import check_batch
from morph_cl.morph.optimizer import GROUPS, cover
from morph_cl.morph.rehearsal import rehearse

if TYPE_CHECKING:
    from morph_cl.morph.learning import Criterion
    from morph_cl.morph.model import MorphModel

Batch = tuple[Tensor, Tensor]
"""Images (B, C, H, W), floating point, and their classes (B,), int64; a list of the two will do."""


def train_step(
    model: MorphModel, batch: Batch, optimizer: torch.optim.Optimizer, criterion: Criterion | None = None
) -> float:
    """Learn from one batch of a stream without boundaries: novelty, growth, memory, one update, and sleep where due.

    Args:
        model: the model.
        batch: (B, C, H, W) images and (B,) int64 classes.
        optimizer: what ``model.make_optimizer()`` returned; it is made to cover what grows.
        criterion: a scalar loss of logits (B, classes) and classes (B,), in place of the cross-entropy of the routed
            and the shared answers.

    Returns:
        The loss before the update.

    Raises:
        UsageError: a batch that cannot be learned from, or an optimizer of another origin; the model is as it was.
    """
    x, y = _checked(model, batch)
    if {group.get("name") for group in optimizer.param_groups} != set(GROUPS):
        raise UsageError("the optimizer cannot follow what grows; give the one that model.make_optimizer() returns.")
    model.train()
    train = observe(model, x, y)
    cover(optimizer, dict(model.named_parameters()), model.gate)
    loss = _update(model, x[train], y[train], optimizer, criterion)
    rehearse(model, optimizer)
    if model.sleep_due:
        model.sleep()
        cover(optimizer, dict(model.named_parameters()), model.gate)
    return loss


def _update(
    model: MorphModel, x: Tensor, y: Tensor, optimizer: torch.optim.Optimizer, criterion: Criterion | None
) -> float:
    """One update of the weights; its graph is gone when it returns."""
    loss = model.step(x, y, criterion=criterion).loss
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    model.follow()
    return float(loss.detach())


@torch.no_grad()
def evaluate(model: MorphModel, loader: Iterable[Batch]) -> dict[str, Any]:
    """Judge the routed predictions on batches. Labels are counted, never shown to the model.

    Args:
        model: the model; its mode is as before afterwards.
        loader: batches as :func:`train_step` takes them.

    Returns:
        ``accuracy`` in [0, 1], ``loss`` the mean cross-entropy in nats, ``count`` of samples, and ``share`` of the
        routing by expert number, summing to 1.

    Raises:
        UsageError: no batch at all, or one of the wrong shape or type, not finite, or with a class beyond the head.
    """
    training = model.training
    model.eval()
    count, correct, loss = 0, 0, 0.0
    share = model.gate.weight.new_zeros(len(model.pool))
    try:
        for batch in loader:
            x, y = _checked(model, batch)
            decision = decide(model, x)
            count += len(y)
            correct += int((decision.logits.argmax(1) == y).sum())
            loss += float(nn.functional.cross_entropy(decision.logits, y, reduction="sum"))
            share += decision.route.softmax(1).sum(0)
    finally:
        model.train(training)
    if not count:
        raise UsageError(
            "there is nothing to evaluate on; give a loader of at least one batch (a generator runs once)."
        )
    shares = dict(zip(model.numbers, (share / count).tolist(), strict=True))
    return {"accuracy": correct / count, "loss": loss / count, "count": count, "share": shares}


def _checked(model: MorphModel, batch: Batch) -> Batch:
    """The two tensors of a batch, on the model's device."""
    if not isinstance(batch, tuple | list) or len(batch) != 2 or not all(isinstance(part, Tensor) for part in batch):
        raise UsageError(f"a batch is a {type(batch).__name__}; give a pair of tensors: images and int64 labels.")
    x, y = batch
    check_batch(model, x, y)
    return x.to(model.gate.weight.device), y.to(model.gate.weight.device)
