"""The gate learns who owns what in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from morph_cl.morph.gate_losses import memory_loss

if TYPE_CHECKING:
    from morph_cl.morph.model import MorphModel

BATCH = 256
"""Memory samples of one step of training in sleep."""


def train_gate(model: MorphModel) -> bool:
    """Teach the gate who owns what in memory.

    Args:
        model: the model.

    Returns:
        Whether there was anything to learn.
    """
    if not model.options.gate or len(model.pool) < 2 or not len(model.memory) or not model.options.sleep_steps:
        return False
    optimizer = torch.optim.Adam(model.gate.parameters(), lr=model.options.lr)
    owners = model.rows_of(model.memory.owner)
    balanced = owners if model.options.gate_balance else None
    model.gate.train()
    for _ in range(model.options.sleep_steps):
        places = model.memory.draw(BATCH)
        loss = memory_loss(model.gate, model.memory.images(places), owners[places], balanced, model.options)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    model.gate.zero_grad()
    model.gate.eval()
    return True
