"""The mixture: how densities, gate, graph, routed experts and shared expert become one prediction."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor, nn

from morph_cl.morph.context import Context
from morph_cl.morph.expert_density import ABSENT
from morph_cl.morph.logsums import NOTHING, log_normalized, log_sum_exp

FLOOR = -30.0
"""Least log-probability: what one part excludes, another may still bring back."""
_MANY = 16  # experts from which topk takes longer than a maximum for each that is wanted
_NEGLIGIBLE = 0.02  # routing probability below which an expert is not run

NAMES = ("sharpness", "gate", "concept", "graph", "routed", "shared")
"""The weights of a mixture, all positive: exponents of the densities in routing, of the gate, of the densities of
classes within an expert, share of routing that follows the graph, and exponents of the routed and the shared answer."""

_DEFAULTS = (0.5, 0.3, 0.3, 0.05, 1.0, 0.3)


@dataclass
class Evidence:
    """What is known of a batch before any routed expert runs.

    Args:
        density: (B, E, classes) log-densities, hugely negative without a concept; None before there are any.
        gate: (B, E) log-probabilities of the learned gate, or None.
        prior: (E, E) how probability spreads between related experts, rows summing to 1, as the graph says; or None.
        shared: (B, classes) log-probabilities of the shared expert, or None.
        context: which experts the stream needs now, or None where samples are routed one by one.
        numbers: the experts' numbers, one a row; only with ``context``.
        asked: (B, E) bool, whose densities were looked at; None where all were.
        mute: whether the densities say nothing of classes: what is learned now has moved away from them.
        young: row of an expert whose densities have met too little to speak against it, or None.
    """

    density: Tensor | None
    gate: Tensor | None
    prior: Tensor | None
    shared: Tensor | None
    context: Context | None = None
    numbers: list[int] = field(default_factory=list)
    young: int | None = None
    asked: Tensor | None = None
    mute: bool = False

    @cached_property
    def total(self) -> Tensor | None:
        """(B, E) log-densities of the experts, all their concepts taken together; None before there are any."""
        if self.density is None:
            return None
        if self.asked is None:
            return log_sum_exp(self.density, 2)
        pairs = self.asked.flatten().nonzero().squeeze(1)
        total = self.density.new_full((self.asked.numel(),), ABSENT)
        total[pairs] = log_sum_exp(self.density.flatten(0, 1).index_select(0, pairs), 1)
        return total.view_as(self.asked)

    def within(self, choice: Choice) -> Tensor | None:
        """What the densities say of the classes within each expert that answers.

        Args:
            choice: the experts that answer, a row a sample.

        Returns:
            (B, k, classes) log-probabilities, or None where the densities say nothing.
        """
        if self.density is None or self.total is None or self.mute:
            return None
        return (choice.of(self.density) - self.total.gather(1, choice.rows).unsqueeze(2)).clamp_min(FLOOR)


@dataclass(frozen=True)
class Choice:
    """The experts that answer.

    Args:
        chosen: (B, k) their log-probabilities, best first; -inf where fewer than k matter.
        rows: (B, k) int64, their rows.
        experts: E, how many there are.
    """

    chosen: Tensor
    rows: Tensor
    experts: int

    @property
    def route(self) -> Tensor:
        """(B, E) log-probabilities over experts, -inf where one is left out."""
        left_out = self.chosen.new_full((len(self.chosen), self.experts), -torch.inf)
        return left_out.scatter(1, self.rows, self.chosen)

    def expand(self, size: int) -> Choice:
        """The same for each sample of a batch, where the choice is one for all.

        Args:
            size: B.
        """
        return Choice(self.chosen.expand(size, -1), self.rows.expand(size, -1), self.experts)

    def of(self, table: Tensor) -> Tensor:
        """What a table says of the experts that answer.

        Args:
            table: (B, E, classes).

        Returns:
            (B, k, classes).
        """
        return table.gather(1, self.rows.unsqueeze(2).expand(-1, -1, table.shape[2]))


class Mixture(nn.Module):
    """The weights of the mixture and the arithmetic around them.

    Args:
        top_k: most routed experts for one input.
    """

    weights: Tensor

    def __init__(self, top_k: int) -> None:
        super().__init__()
        self.top_k = top_k
        self.register_buffer("weights", torch.tensor(_DEFAULTS).log(), persistent=False)

    def weight(self, name: str) -> Tensor:
        """One weight, positive."""
        return self.weights[NAMES.index(name)].exp()

    def choose(self, evidence: Evidence, experts: int) -> Choice:
        """Decide which experts answer.

        Args:
            evidence: what is known of the batch.
            experts: E.

        Returns:
            The choice; of one row where there are no densities yet and the shared expert says nothing either.
        """
        total = evidence.total
        if total is None:
            size = len(evidence.shared) if evidence.shared is not None else 1
            return self._best(self.weights.new_zeros(size, experts))
        if evidence.young is not None:
            best = total.amax(1, keepdim=True)
            total = torch.where(torch.arange(experts, device=total.device) == evidence.young, best, total)
        logits = self.promise(total, evidence.gate)
        if evidence.context is not None:
            logits = logits + evidence.context.prior(logits, evidence.numbers)
        route = logits.log_softmax(1)
        if evidence.prior is not None and experts > 1:
            route = self._follow_graph(route, evidence.prior)
        return self._best(route)

    def promise(self, density: Tensor, gate: Tensor | None) -> Tensor:
        """What densities and gate say of experts, before any choice.

        Args:
            density: (B, E) log-densities of the experts.
            gate: (B, E) log-probabilities, or None.

        Returns:
            (B, E) unnormalised log-probabilities.
        """
        logits = density * self.weight("sharpness")
        return logits if gate is None else logits + self.weight("gate") * gate

    def _follow_graph(self, route: Tensor, prior: Tensor) -> Tensor:
        """Let a share of each expert's probability spread to those that the graph relates it to."""
        share = self.weight("graph").clamp_max(0.5)
        probability = route.clamp_min(NOTHING).exp()
        return torch.lerp(probability, probability @ prior.to(route), share).clamp_min(1e-30).log()

    def _best(self, route: Tensor) -> Choice:
        """Only the best experts, and of them only those that matter, renormalised."""
        best, rows = _largest(route, min(self.top_k, route.shape[1]))
        best = best.masked_fill(best < best[:, :1] + math.log(_NEGLIGIBLE), -torch.inf)
        return Choice(best.log_softmax(1), rows, route.shape[1])

    def combine(self, choice: Choice, evidence: Evidence, answers: Tensor) -> Tensor:
        """The prediction.

        Args:
            choice: from :meth:`choose`, a row a sample.
            evidence: what it was made of.
            answers: (B, k, classes) log-probabilities of the chosen experts; anything where one does not matter.

        Returns:
            (B, classes) logits.
        """
        return self.join(self.routed(choice, evidence, answers), evidence.shared)

    def routed(self, choice: Choice, evidence: Evidence, answers: Tensor) -> Tensor:
        """What the routed experts say together.

        Args:
            choice: from :meth:`choose`, a row a sample.
            evidence: what it was made of.
            answers: (B, k, classes) log-probabilities of the chosen experts; anything where one does not matter.

        Returns:
            (B, classes) log-probabilities.
        """
        joint = choice.chosen.unsqueeze(2)
        within = evidence.within(choice)
        if within is not None:
            joint = joint + within * self.weight("concept")
        joint = joint + self.weight("routed") * answers.clamp_min(FLOOR)
        return log_normalized(log_sum_exp(joint, 1), 1).clamp_min(FLOOR)

    def join(self, routed: Tensor, shared: Tensor | None) -> Tensor:
        """Add the logarithms of the routed and the shared answer, each with its weight.

        Args:
            routed: (B, classes) log-probabilities.
            shared: (B, classes) log-probabilities, or None.

        Returns:
            (B, classes) logits.
        """
        if shared is None:
            return routed
        return routed + self.weight("shared") * shared.clamp_min(FLOOR)

    def calibrate(
        self, evidence: Evidence, experts: int, answers: Callable[[Choice], Tensor], y: Tensor, steps: int = 15
    ) -> None:
        """Fit the weights to labelled samples that no part was trained on; few samples move them little.

        Args:
            evidence: what is known of the samples.
            experts: E.
            answers: log-probabilities (N, k, classes) of the experts that a choice asks.
            y: (N,) int64 classes.
            steps: most steps of the fit, which ends where it is flat.

        Source: L-BFGS, chapter 7 of Nocedal and Wright, "Numerical Optimization", 2006.
        """
        prior = torch.tensor(_DEFAULTS, device=y.device).log()
        self.weights = free = self.weights.clone().requires_grad_(True)
        optimizer = torch.optim.LBFGS(
            [free], max_iter=steps, tolerance_grad=1e-4, tolerance_change=1e-5, line_search_fn="strong_wolfe"
        )

        def objective() -> Tensor:
            choice = self.choose(evidence, experts).expand(len(y))
            loss = nn.functional.cross_entropy(self.combine(choice, evidence, answers(choice)), y)
            loss = loss + (free - prior).square().sum() / (2.0 * len(y))
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            return loss

        with torch.enable_grad():
            optimizer.step(objective)  # type: ignore[no-untyped-call]
        self.weights = free.detach()


def _largest(table: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The greatest entries (B, count) of each row of (B, E), and where they stand: what ``topk`` returns."""
    if count > 2 or table.shape[1] < _MANY:
        best, places = table.topk(count, 1)
        return best, places
    found = [table.max(1, keepdim=True)]
    if count == 2:
        found.append(table.scatter(1, found[0].indices, -torch.inf).max(1, keepdim=True))
    return torch.cat([each.values for each in found], 1), torch.cat([each.indices for each in found], 1)
