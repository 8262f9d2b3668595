"""Changes of the population that can be undone."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from morph_cl.morph.sleep.held_out import HeldOut

if TYPE_CHECKING:
    from morph_cl.morph.model import MorphModel


class Undo:
    """All that a merge, a split or a removal touches, as it was; networks are replaced, never changed in place.

    Args:
        model: the model before the change.
        held: its held-out samples: what is known of them comes back, too.
    """

    def __init__(self, model: MorphModel, held: HeldOut) -> None:
        self.numbers, self.next_number = model.numbers, model.pool.next_number
        self.nets = {number: model.pool.net(number) for number in self.numbers}
        self.concepts = {name: tensor.clone() for name, tensor in model.concepts.export().items()}
        self.densities = model.concepts.densities
        self.gate = (model.gate.weight, model.gate.bias, list(model.gate.origin))
        self.graph = copy.deepcopy(model.graph)
        self.owners = model.memory.owner.clone(), model.validation.owner.clone()
        self.dormant = dict(model.dormant)
        self.held, self.tables = held, held.tables

    def restore(self, model: MorphModel) -> None:
        """Put everything back.

        Args:
            model: the model after the change.
        """
        model.pool.restore(self.numbers, self.nets)
        model.pool.next_number = self.next_number
        model.concepts.load(self.concepts, self.densities)
        model.gate.weight, model.gate.bias, model.gate.origin = self.gate
        model.graph = self.graph
        model.memory.owner, model.validation.owner = self.owners
        model.dormant = self.dormant
        self.held.tables = self.tables
