"""One network learns to answer as two experts do, each on what it owned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from morph_cl.morph.sleep.rehearsal import rehearsed, remembered

if TYPE_CHECKING:
    from morph_cl.morph.model import MorphModel


def distilled(model: MorphModel, keep: int, drop: int, start: nn.Module) -> nn.Module:
    """Train a network on memory samples of two experts to give their owner's answer.

    Args:
        model: the model, with both experts in it.
        keep: an expert's number.
        drop: another's.
        start: the network to start from; it is left as it is.

    Returns:
        The trained network, of the precision of ``start``; as it started where the experts own nothing in memory.

    Source: Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", 2015, at temperature 1.
    """
    memory = model.memory
    owned = torch.isin(memory.owner, torch.tensor([keep, drop]).to(memory.owner)).nonzero().squeeze(1)

    def mismatch(answers: Tensor, places: Tensor) -> Tensor:
        inputs = remembered(model, places)
        with torch.no_grad():
            first = (memory.owner[places] == keep)[:, None]
            wanted = torch.where(first, model.pool(keep, *inputs), model.pool(drop, *inputs))
        return nn.functional.kl_div(answers.log_softmax(1), wanted, reduction="batchmean", log_target=True)

    return rehearsed(model, start, owned, mismatch)
