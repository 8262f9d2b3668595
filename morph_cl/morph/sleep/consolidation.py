"""The shared expert rehearses memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from morph_cl.morph.sleep.gate_training import BATCH

if TYPE_CHECKING:
    from morph_cl.morph.model import MorphModel


def consolidate(model: MorphModel) -> None:
    """Train the shared expert on memory alone.

    Args:
        model: the model.
    """
    if not model.options.consolidate or model.shared is None or not len(model.memory):
        return
    model.shared.train()
    steps = model.options.sleep_steps
    optimizer = torch.optim.Adam(model.shared.parameters(), lr=model.options.shared_lr)
    for done in range(steps):
        optimizer.param_groups[0]["lr"] = model.options.shared_lr * (1.0 - done / steps)
        places = model.memory.draw(BATCH)
        loss = nn.functional.cross_entropy(model.shared(model.memory.images(places)), model.memory.y[places].long())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        model.follow()
    model.shared.zero_grad()
    model.shared.eval()
