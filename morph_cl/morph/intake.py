"""What MORPH takes in: the start of an experience and its samples; it refuses what would spoil it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from morph_cl.errors import UsageError
from morph_cl.morph.budget import fit_budget
from morph_cl.morph.growth import class_log_density, expert_losses, look
from morph_cl.morph.novelty import NoveltyDetector

if TYPE_CHECKING:
    from morph_cl.morph.model import MorphModel


def begin(model: MorphModel, x: Tensor, y: Tensor) -> None:
    """Look at the start of an experience and decide who learns it: a new expert or the closest one.

    Args:
        model: the model.
        x: (N, C, H, W) samples of it.
        y: (N,) int64 classes.
    """
    model.concepts.fit_projection(x)
    fit_budget(model)
    if float(model.concepts.level[:, 0].max()) == 0:
        return  # nothing was learned yet: the first expert takes it
    thresholds = model.thresholds
    judge = NoveltyDetector(thresholds.novelty, thresholds.novel_batches)
    size = max(len(y) // (2 * model.options.novel_batches), 1)
    batches = zip(torch.split(x, size), torch.split(y, size), strict=True)
    novel = [judge.update(look(model, *batch).value(thresholds)) for batch in batches]
    whole = look(model, x, y)
    closest = model.numbers[whole.closest]
    if not (any(novel) and model.grow(whole)):
        model.turn_to(closest)
        model.note("reuse", expert=closest, novelty=round(whole.novelty, 4))


def absorb(model: MorphModel, x: Tensor, y: Tensor) -> None:
    """Add training samples to the concepts of the expert in training.

    Args:
        model: the model.
        x: (N, C, H, W).
        y: (N,) int64 classes.
    """
    model.concepts.observe(model.row, x, y)


def hold_out(model: MorphModel, x: Tensor, y: Tensor) -> None:
    """Take in samples that nothing is trained on: they set the level of the expert's concepts and judge sleep.

    Args:
        model: the model.
        x: (N, C, H, W).
        y: (N,) int64 classes.
    """
    density, known = class_log_density(model.concepts, x, y)
    row = model.row
    model.concepts.set_level(row, density[known[:, row], row])
    model.validation.add(x, y, model.active)
    fit_budget(model)


def measure(model: MorphModel, x: Tensor, y: Tensor) -> None:
    """Let the expert in training, now trained, set the level of its loss on samples that were held out.

    Args:
        model: the model.
        x: (N, C, H, W).
        y: (N,) int64 classes.
    """
    if model.options.surprise:
        model.concepts.set_loss_level(model.row, expert_losses(model, model.row, x, y))


@torch.no_grad()
def remember(model: MorphModel, x: Tensor, y: Tensor) -> None:
    """Offer samples to the replay memory.

    Args:
        model: the model.
        x: (N, C, H, W).
        y: (N,) int64 classes.
    """
    places = model.memory.add(x, y, model.active)
    if model.pool.framed:
        model.memory.keep_frame(places, model.pool.frame(model.active))
    if model.shared is not None and model.memory.width:
        for part in torch.split(places, 2_048):
            model.memory.keep_logits(part, model.shared_logits(model.memory.images(part)))
    fit_budget(model)


def check_batch(model: MorphModel, x: Tensor, y: Tensor) -> None:
    """Refuse a batch that would spoil what was learned.

    Args:
        model: the model.
        x: (B, C, H, W).
        y: (B,) int64 classes.

    Raises:
        UsageError: empty, of the wrong shape or type, not finite, or a class beyond the head.
    """
    if not x.is_floating_point() or y.dtype != torch.int64:
        raise UsageError(
            f"a batch of {x.dtype} images with {y.dtype} labels cannot be learned; "
            "give floating-point images (x.float() / 255 for bytes) and int64 labels (y.long())."
        )
    if x.shape[1:] != model.input_shape or not len(x) or y.shape != x.shape[:1]:
        raise UsageError(
            f"a batch of images {tuple(x.shape)} with labels {tuple(y.shape)} cannot be learned; "
            f"give at least one image of shape {model.input_shape} and one label an image."
        )
    # The sum of finite images is finite: one pass instead of a mask of the whole batch.
    if not bool(x.sum().isfinite()) and not bool(torch.isfinite(x).all()):
        raise UsageError("a batch holds NaN or infinity; remove those images before training.")
    if int(y.min()) < 0 or int(y.max()) >= model.classes:
        raise UsageError(f"labels run from {int(y.min())} to {int(y.max())}; they must lie in 0..{model.classes - 1}.")
