"""The samples that sleep is judged on, and what the model says of them, computed once."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from morph_cl.morph.mixture import Evidence

if TYPE_CHECKING:
    from morph_cl.morph.model import MorphModel


class HeldOut:
    """The held-out samples of a model that sleeps.

    An expert's answers are kept by its network: a network that comes back after an undone change is not asked again.
    Densities, gate and shared answer are kept until :meth:`forget_tables`.

    Args:
        model: the model.
    """

    def __init__(self, model: MorphModel) -> None:
        store = model.validation
        self.model = model
        self.x = store.images(torch.arange(len(store), device=store.y.device))
        self.y = store.y.long()
        self.tables: Evidence | None = None
        """Densities, gate and shared answer, as far as they are known."""
        self.undone_merges = 0
        """Merges that were tried on these samples and undone."""
        self._said: dict[nn.Module, Tensor] = {}

    def __len__(self) -> int:
        return len(self.y)

    @property
    def owner(self) -> Tensor:
        """(N,) numbers of the experts that own the samples."""
        return self.model.validation.owner

    def forget_tables(self) -> None:
        """Ask densities, gate and shared expert anew next time: one of them changed."""
        self.tables = None

    def said(self, number: int) -> Tensor:
        """Log-probabilities (N, classes) of one expert.

        Args:
            number: the expert's number.
        """
        net = self.model.pool.net(number)
        if net not in self._said:
            with torch.no_grad():
                self._said[net] = self.model.pool(number, self.x)
        return self._said[net]

    def answers(self) -> Tensor:
        """Log-probabilities (N, E, classes) of all experts."""
        return torch.stack([self.said(number) for number in self.model.numbers], 1)

    def evidence(self) -> Evidence:
        """What is known of the samples before any expert answers, with the graph as it is now."""
        model = self.model
        if self.tables is None:
            with torch.no_grad():
                self.tables = model.evidence(self.x)
        prior = model.graph.prior_matrix(model.numbers).to(self.x.device) if model.options.graph else None
        return dataclasses.replace(self.tables, prior=prior)

    def shares(self) -> Tensor:
        """Routing probabilities (N, E), zero where an expert is left out."""
        with torch.no_grad():
            route, _ = self.model.mixture.route(self.evidence(), len(self.model.pool))
        return route.exp().expand(len(self), -1)

    def hits(self) -> Tensor:
        """(N,) bool: which samples the model gets right."""
        model, evidence = self.model, self.evidence()
        with torch.no_grad():
            route, within = model.mixture.route(evidence, len(model.pool))
            output = model.mixture.combine(route, within, self.answers(), evidence.shared)
        return output.argmax(1) == self.y

    def accuracy(self) -> float:
        """Share of the samples that the model gets right."""
        return float(self.hits().float().mean())
