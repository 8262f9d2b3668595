"""All of a sleep can be undone, and is where it cost more than it may."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch

from morph_cl.morph.sleep.held_out import HeldOut, Verdict
from morph_cl.morph.sleep.undo import Undo

if TYPE_CHECKING:
    from morph_cl.morph.model import MorphModel


class Guard:
    """A model as it was before a sleep: what an :class:`Undo` keeps, and all that sleep trains.

    Args:
        model: the model, in evaluation mode.
        held: the samples to judge by; their :attr:`~HeldOut.start` is set.
    """

    def __init__(self, model: MorphModel, held: HeldOut) -> None:
        self.held = held
        self.start = held.start = held.verdict()
        self.undo = Undo(model, held)
        self.gate = [parameter.detach().clone() for parameter in model.gate.parameters()]
        self.weights = model.mixture.weights.clone()
        self.shared = {
            name: copy.deepcopy(module.state_dict())
            for name, module in (("shared", model.shared), ("average", model.average))
            if module is not None and model.options.consolidate
        }
        self.events = len(model.pending)

    def broken(self, model: MorphModel) -> Verdict | None:
        """The verdict now, where the sleep cost more than its bounds; else None.

        Args:
            model: the model after the sleep.
        """
        now = self.held.verdict()
        return now if now.costs(self.start, model.options) else None

    @torch.no_grad()
    def restore(self, model: MorphModel) -> None:
        """Put everything back, and take the events of the sleep back.

        Args:
            model: the model after the sleep.
        """
        self.undo.restore(model)
        for parameter, value in zip(model.gate.parameters(), self.gate, strict=True):
            parameter.copy_(value)
        model.mixture.weights = self.weights
        for name, state in self.shared.items():
            getattr(model, name).load_state_dict(state)
        del model.pending[self.events :]
