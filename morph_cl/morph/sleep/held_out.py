"""The samples that sleep is judged on, and what the model says of them, computed once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from morph_cl.morph.mixture import Choice, Evidence
from morph_cl.morph.sleep.answers import Answers

if TYPE_CHECKING:
    from morph_cl.morph.model import MorphModel
    from morph_cl.morph.options import MorphOptions


LEAST_HELD_OUT = 20
"""Held-out samples below which sleep is judged on memory samples instead; below it nothing is judged at all."""
_MOST_REMEMBERED = 1_024  # memory samples that stand in for held-out ones


@dataclass(frozen=True)
class Verdict:
    """How good the model's predictions of the held-out samples are.

    Args:
        accuracy: in [0, 1].
        loss: mean cross-entropy in nats.
    """

    accuracy: float
    loss: float

    def costs(self, before: Verdict, options: MorphOptions) -> bool:
        """Whether a change between two verdicts cost more than ``bound`` or ``loss_bound``.

        Args:
            before: the verdict before the change.
            options: both bounds.
        """
        less, more = before.accuracy - self.accuracy, self.loss - before.loss
        return not (less <= options.bound and more <= options.loss_bound)


class HeldOut:
    """The held-out samples of a model that sleeps; where there are too few, some of its memory.

    Densities, gate and shared answer are kept until :meth:`forget_tables`.

    Args:
        model: the model.
    """

    def __init__(self, model: MorphModel) -> None:
        few = len(model.validation) < LEAST_HELD_OUT
        self.store = store = model.memory if few else model.validation
        step = -(-len(store) // _MOST_REMEMBERED) if few and len(store) else 1
        self.places = torch.arange(0, len(store), step, device=store.y.device)
        self.model = model
        self.x = store.images(self.places)
        self.y = store.y[self.places].long()
        self.start: Verdict | None = None
        """The verdict before the sleep; None outside one."""
        self.tables: Evidence | None = None
        """Densities, gate and shared answer, as far as they are known."""
        self.undone_merges = 0
        """Merges that were tried on these samples and undone."""
        self.answers = Answers(model, self.x)

    def __len__(self) -> int:
        return len(self.y)

    @property
    def owner(self) -> Tensor:
        """(N,) numbers of the experts that own the samples."""
        return self.store.owner[self.places]

    def forget_tables(self) -> None:
        """Ask densities, gate and shared expert anew next time: the densities changed."""
        self.tables = None

    def renew_tables(self) -> None:
        """Ask gate and shared expert anew, which changed, and about experts that the gate brings up."""
        if self.tables is not None:
            with torch.no_grad():
                self.tables = self.model.evidence(self.x, known=self.tables)

    def evidence(self) -> Evidence:
        """What is known of the samples before any expert answers, with the graph as it is now."""
        model = self.model
        if self.tables is None:
            with torch.no_grad():
                self.tables = model.evidence(self.x)
        if model.options.graph:
            self.tables.prior = model.graph.prior_matrix(model.numbers).to(self.x.device)
        return self.tables

    def shares(self) -> Tensor:
        """Routing probabilities (N, E), zero where an expert is left out."""
        return self._choice(self.evidence()).route.exp()

    def outputs(self) -> Tensor:
        """Logits (N, classes) of the model."""
        evidence = self.evidence()
        choice = self._choice(evidence)
        with torch.no_grad():
            return self.model.mixture.combine(choice, evidence, self.answers.to(choice))

    def _choice(self, evidence: Evidence) -> Choice:
        with torch.no_grad():
            return self.model.mixture.choose(evidence, len(self.model.pool)).expand(len(self))

    def hits(self) -> Tensor:
        """(N,) bool: which samples the model gets right."""
        return self.outputs().argmax(1) == self.y

    def verdict(self) -> Verdict:
        """How good the model's predictions are now."""
        outputs = self.outputs()
        hits = outputs.argmax(1) == self.y
        return Verdict(float(hits.float().mean()), float(nn.functional.cross_entropy(outputs, self.y)))

    def stands(self, before: Verdict) -> bool:
        """Whether a change may stay: within the bounds of what was before it, and of the start of the sleep.

        Args:
            before: the verdict before the change.
        """
        now, options = self.verdict(), self.model.options
        return not any(now.costs(then, options) for then in (before, self.start) if then is not None)
