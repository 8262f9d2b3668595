"""The mixture: how densities, gate, graph, routed experts and shared expert become one prediction."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from morph_cl.morph.context import Context

FLOOR = -30.0
"""Least log-probability: what one part excludes, another may still bring back."""
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
    mute: bool = False


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

    def route(self, evidence: Evidence, experts: int) -> tuple[Tensor, Tensor]:
        """Decide which experts answer.

        Args:
            evidence: what is known of the batch.
            experts: E.

        Returns:
            (B, E) log-probabilities over experts, -inf where an expert is left out, and what the densities say of the
            classes within each expert: (B, E, classes) log-probabilities times their weight, or zeros.
        """
        if evidence.density is None:
            size = len(evidence.shared) if evidence.shared is not None else 1
            return torch.zeros(size, experts), torch.zeros(size, experts, 1)
        total = evidence.density.logsumexp(2)  # (B, E)
        within = (evidence.density - total.unsqueeze(2)).clamp_min(FLOOR) * self.weight("concept")
        within = torch.zeros_like(within) if evidence.mute else within
        if evidence.young is not None:
            best = total.amax(1, keepdim=True)
            total = torch.where(torch.arange(experts, device=total.device) == evidence.young, best, total)
        logits = total * self.weight("sharpness")
        if evidence.gate is not None:
            logits = logits + self.weight("gate") * evidence.gate
        if evidence.context is not None:
            logits = logits + evidence.context.prior(logits, evidence.numbers)
        route = logits.log_softmax(1)
        if evidence.prior is not None and experts > 1:
            route = self._follow_graph(route, evidence.prior)
        return self._top(route), within

    def promise(self, density: Tensor, gate: Tensor | None) -> Tensor:
        """What densities and gate say of experts, before any choice.

        Args:
            density: (B, E, classes) log-densities.
            gate: (B, E) log-probabilities, or None.

        Returns:
            (B, E) unnormalised log-probabilities.
        """
        logits = density.logsumexp(2) * self.weight("sharpness")
        return logits if gate is None else logits + self.weight("gate") * gate

    def _follow_graph(self, route: Tensor, prior: Tensor) -> Tensor:
        """Let a share of each expert's probability spread to those that the graph relates it to."""
        share = self.weight("graph").clamp_max(0.5)
        probability = route.exp()
        return torch.lerp(probability, probability @ prior.to(route), share).clamp_min(1e-30).log()

    def _top(self, route: Tensor) -> Tensor:
        """Only the best experts, and of them only those that matter, renormalised."""
        if route.shape[1] > self.top_k:
            least = route.topk(self.top_k, dim=1).values[:, -1:]
            route = route.masked_fill(route < least, -torch.inf)
        best = route.amax(1, keepdim=True)
        route = route.masked_fill(route < best + torch.log(torch.tensor(_NEGLIGIBLE)), -torch.inf)
        return route.log_softmax(1)

    def combine(self, route: Tensor, within: Tensor, answers: Tensor, shared: Tensor | None) -> Tensor:
        """The prediction.

        Args:
            route: (B, E) log-probabilities over experts.
            within: (B, E, classes) from :meth:`route`.
            answers: (B, E, classes) log-probabilities of the experts; anything where ``route`` is -inf.
            shared: (B, classes) log-probabilities of the shared expert, or None.

        Returns:
            (B, classes) logits.
        """
        answers = self.weight("routed") * answers.clamp_min(FLOOR)
        routed = (route.unsqueeze(2) + within + answers).logsumexp(1).log_softmax(1)
        return self.join(routed.clamp_min(FLOOR), shared)

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

    def calibrate(self, evidence: Evidence, answers: Tensor, y: Tensor, steps: int = 60, rate: float = 0.05) -> float:
        """Fit the weights to labelled samples that no part was trained on; few samples move them little.

        Args:
            evidence: what is known of the samples.
            answers: (N, E, classes) log-probabilities of all experts.
            y: (N,) int64 classes.
            steps: steps of Adam.
            rate: its learning rate.

        Returns:
            The mean cross-entropy after the fit.
        """
        prior = torch.tensor(_DEFAULTS, device=y.device).log()
        start = self.weights
        with torch.enable_grad():
            self.weights = free = start.clone().requires_grad_(True)
            optimizer = torch.optim.Adam([free], lr=rate)
            loss = torch.zeros(())
            for _ in range(steps):
                route, within = self.route(evidence, answers.shape[1])
                loss = nn.functional.cross_entropy(self.combine(route, within, answers, evidence.shared), y)
                pull = (free - prior).square().sum() / (2.0 * len(y))
                optimizer.zero_grad()
                (loss + pull).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
        self.weights = free.detach()
        return float(loss)
