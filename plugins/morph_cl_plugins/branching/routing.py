"""Who answers: the path of each image down the tree, its acceptance, and what that costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from morph_cl_plugins.branching.expert import MASKED

if TYPE_CHECKING:
    from morph_cl_plugins.branching.model import BranchedModel


@dataclass(frozen=True)
class Decision:
    """What became of a batch.

    Args:
        log_probs: (B, classes), of who answers: the routed expert, or the parent where it falls back.
        routed: (B,) int64, the expert that was asked; 0 is the parent.
        proposal: (B,) int64, the class that it proposed.
        confidence: (B,) the calibrated probability of that class: the expert's own, times the evidence for the expert.
        accepted: (B,) bool, whether that reached its threshold.
        unknown: (B,) bool, whether there is no answer; ``log_probs`` still hold the proposal.
        macs: (B,) int64 multiply-accumulates spent.
    """

    log_probs: Tensor
    routed: Tensor
    proposal: Tensor
    confidence: Tensor
    accepted: Tensor
    unknown: Tensor
    macs: Tensor

    @property
    def answered_by(self) -> Tensor:
        """(B,) int64: the routed expert where it was accepted or nobody answers in its place, else the parent."""
        return torch.where(self.accepted | self.unknown, self.routed, 0)


@torch.no_grad()
def decide(model: BranchedModel, x: Tensor, allowed: Tensor | None = None) -> Decision:
    """Route images and accept or reject what the experts propose. No label reaches this.

    Args:
        model: parent and branches.
        x: (B, C, H, W) images.
        allowed: (B, classes) bool, the classes that may be answered; None allows all.

    Returns:
        The decision.
    """
    descent = _Descent(model, x, allowed)
    descent.route()
    return descent.judge()


def by_mass(
    log_probs: Tensor, classes: Tensor, host: int, children: Sequence[tuple[int, Tensor]]
) -> tuple[Tensor, Tensor]:
    """The child with most of its host's probability.

    Args:
        log_probs: (B, n) of the host.
        classes: (n,) its classes.
        host: its number, which stands for the classes that no child has.
        children: number and classes of each.

    Returns:
        (B,) int64 numbers, and (B,) the probability of each; 1 where the host itself answers.
    """
    own = [torch.isin(classes, part) for _, part in children]
    rest = ~torch.stack(own).any(0)
    numbers = [number for number, _ in children]
    if bool(rest.any()):
        own, numbers = [rest, *own], [host, *numbers]
    masses = torch.stack([log_probs.masked_fill(~part, 2 * MASKED).logsumexp(1) for part in own], 1)
    best = masses.max(1)
    choice = torch.tensor(numbers, device=log_probs.device)[best.indices]
    return choice, torch.where(choice == host, 1.0, best.values.exp())


class _Descent:
    """One batch on its way; an expert is computed for the rows that reach it only."""

    def __init__(self, model: BranchedModel, x: Tensor, allowed: Tensor | None) -> None:
        self.model, self.allowed = model, allowed
        parent, layer, size = model.parent, model.layer(0), len(x)
        self.low = parent.hidden(x, 1)
        self.trunk = parent.advance(self.low, 1, layer)
        self.rows = torch.arange(size, device=x.device)
        self.log_probs = self.low.new_full((size, model.class_count), MASKED)
        self.parent_log_probs = self.log_probs.clone()
        self.parent_known = torch.zeros(size, dtype=torch.bool, device=x.device)
        self.routed = torch.zeros(size, dtype=torch.int64, device=x.device)
        self.evidence = self.low.new_ones(size)
        self.threshold = self.low.new_zeros(size)
        self.macs = torch.full_like(self.routed, sum(parent.layer_macs[:layer]))

    # --- experts ---

    def _allowed(self, rows: Tensor) -> Tensor | None:
        return None if self.allowed is None else self.allowed[rows]

    def _parent(self, rows: Tensor) -> Tensor:
        """The parent's own answer (rows, classes), computed once an image."""
        missing = rows[~self.parent_known[rows]]
        if len(missing):
            parent, layer = self.model.parent, self.model.layer(0)
            logits = parent.finish(self.trunk[missing], layer)
            self.parent_log_probs[missing] = parent.calibrated(logits, self._allowed(missing))
            self.macs[missing] += sum(parent.layer_macs[layer:])
            self.parent_known[missing] = True
        return self.parent_log_probs[rows]

    def _run(self, number: int, features: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """The layer of a branch that others hang on, and its answer (rows, n)."""
        branch, layer = self.model.branch(number), self.model.layer(number)
        hidden = branch.hidden(features, layer)
        self.macs[rows] += branch.macs
        return hidden, branch.calibrated(branch.finish(hidden, layer), self._allowed(rows))

    # --- the way down ---

    def route(self) -> None:
        """Send every image to one expert."""
        top = self.model.branches_on(0)
        ran: dict[int, tuple[Tensor, Tensor]] = {}
        first = self._first(top, ran) if top else self.routed
        features = self.model.parent.vector(self.trunk)
        for number in [0, *top]:
            rows = (first == number).nonzero().squeeze(1)
            if not len(rows):
                continue
            if not number:
                self._write(0, self._parent(rows), rows)
                continue
            hidden, log_probs = (part[rows] for part in ran[number]) if ran else self._run(number, features[rows], rows)
            self._visit(number, hidden, log_probs, rows)

    def _first(self, top: Sequence[int], ran: dict[int, tuple[Tensor, Tensor]]) -> Tensor:
        """The parent or a branch on it, (B,); notes the evidence, and in ``ran`` what it had to compute."""
        model = self.model
        if model.routing == "parent":
            choice, self.evidence = by_mass(self._parent(self.rows), model.parent.classes, 0, self._with_classes(top))
            return choice
        candidates = list(top) if model.beside_parent else [0, *top]
        if model.routing == "density":
            scores = self._likelihoods(candidates)
            best = scores.log_softmax(1).max(1)
            self.evidence = best.values.exp()
        else:
            best = self._tried(candidates, ran).max(1)
        return torch.tensor(candidates, device=self.rows.device)[best.indices]

    def _with_classes(self, numbers: Sequence[int]) -> list[tuple[int, Tensor]]:
        return [(number, self.model.branch(number).classes) for number in numbers]

    def _likelihoods(self, candidates: Sequence[int]) -> Tensor:
        densities = self.model.densities
        features = self.model.parent.vector(self.low)
        self.macs += len(densities) * features.shape[1]
        return densities.scores(features, candidates, self.allowed)

    def _tried(self, candidates: Sequence[int], ran: dict[int, tuple[Tensor, Tensor]]) -> Tensor:
        """Confidences (B, candidates), after every one of them was computed."""
        features = self.model.parent.vector(self.trunk)
        columns = []
        for number in candidates:
            if number:
                ran[number] = self._run(number, features, self.rows)
            log_probs = ran[number][1] if number else self._parent(self.rows)
            columns.append(log_probs.max(1).values)
        return torch.stack(columns, 1)

    def _visit(self, number: int, hidden: Tensor, log_probs: Tensor, rows: Tensor) -> None:
        """Let a branch answer, or a branch of it."""
        children = self.model.branches_on(number)
        choice = torch.full_like(rows, number)
        if children:
            own = self.model.branch(number).classes
            choice, evidence = by_mass(log_probs, own, number, self._with_classes(children))
            self.evidence[rows] *= evidence
        stays = choice == number
        self._write(number, log_probs[stays], rows[stays])
        for child in children:
            here = choice == child
            if bool(here.any()):
                self._visit(child, *self._run(child, hidden[here], rows[here]), rows[here])

    def _write(self, number: int, log_probs: Tensor, rows: Tensor) -> None:
        expert = self.model.expert(number)
        self.log_probs[rows[:, None], expert.classes] = log_probs
        self.routed[rows] = number
        self.threshold[rows] = expert.threshold

    # --- acceptance ---

    def judge(self) -> Decision:
        """Accept what is sure enough; the rest falls back to the parent or stays unknown."""
        best = self.log_probs.max(1)
        confidence = best.values.exp() * self.evidence
        accepted = confidence >= self.threshold
        rejected = (~accepted).nonzero().squeeze(1)
        fall_back = self.model.options.rejected == "parent"
        if fall_back and len(rejected):
            self.log_probs[rejected] = self._parent(rejected)
        unknown = torch.zeros_like(accepted) if fall_back else ~accepted
        return Decision(self.log_probs, self.routed, best.indices, confidence, accepted, unknown, self.macs)
