"""A copy of a network is trained on some of the memory."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from morph_cl.morph.sleep.gate_training import BATCH

if TYPE_CHECKING:
    from morph_cl.morph.model import MorphModel


def remembered(model: MorphModel, places: Tensor) -> tuple[Tensor, ...]:
    """What a network is given of memory samples: the images, and the frames that they were learned through, if any.

    Args:
        model: the model.
        places: (B,) places in its memory.

    Returns:
        Images (B, C, H, W), and frames (B, 2, 3) where experts have frames.
    """
    images = model.memory.images(places)
    return (images, model.memory.frame[places].float()) if model.pool.framed else (images,)


def rehearsed(
    model: MorphModel, net: nn.Module, owned: Tensor, loss_of: Callable[[Tensor, Tensor], Tensor]
) -> nn.Module:
    """Train a copy of a network for ``sleep_steps`` batches, in single precision.

    Args:
        model: the model whose memory is drawn from.
        net: the network to start from; it is left as it is.
        owned: (N,) places in memory to learn from.
        loss_of: a scalar loss of logits (B, classes) and the places (B,) that they answer.

    Returns:
        The trained copy, frozen, of the precision of ``net``.
    """
    precision = next((parameter.dtype for parameter in net.parameters()), torch.float32)
    copied = copy.deepcopy(net).float().requires_grad_(True).train()
    steps = model.options.sleep_steps if len(owned) else 0
    optimizer = torch.optim.Adam(copied.parameters(), lr=model.options.lr)
    with torch.enable_grad():
        for done in range(steps):
            optimizer.param_groups[0]["lr"] = model.options.lr * (1.0 - done / steps)
            places = owned[torch.randint(0, len(owned), (BATCH,), device=owned.device)]
            optimizer.zero_grad()
            loss_of(copied(*remembered(model, places)), places).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    copied.zero_grad(set_to_none=True)
    return copied.requires_grad_(False).to(precision).eval()
