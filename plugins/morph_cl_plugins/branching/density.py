"""How likely an image's features are among those that an expert was trained on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from morph_cl_plugins.branching.expert import MASKED

_SHRINKAGE = 0.01


class ClassDensities:
    """One normal distribution an expert and class, all with one covariance.

    Scores are linear in the features. Those are frozen, and no sample is stored: sums over each experience are enough.

    Args:
        width: number of features.

    Source: Hayes & Kanan, Lifelong Machine Learning with Deep Streaming Linear Discriminant Analysis, CVPR Workshops
    2020.
    """

    def __init__(self, width: int) -> None:
        self.experts: list[int] = []
        self.labels: list[int] = []
        self.means = torch.zeros(0, width)
        self.scatter = torch.zeros(width, width)
        self.count = 0
        self._weight = torch.zeros(0, width)
        self._bias = torch.zeros(0)

    def __len__(self) -> int:
        return len(self.labels)

    @torch.no_grad()
    def add(self, expert: int, classes: Sequence[int], batches: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Take in what an expert was trained on.

        Args:
            expert: its column.
            classes: its classes.
            batches: features (B, width) and classes (B,) of its training data; other classes are left out.
        """
        width = self.means.shape[1]
        sums = torch.zeros(len(classes), width, dtype=torch.float64)
        counts = torch.zeros(len(classes), dtype=torch.float64)
        squares = torch.zeros(width, width, dtype=torch.float64)
        for h, y in batches:
            member = (y.cpu()[:, None] == torch.tensor(classes)).double()  # (B, n)
            own = h.cpu().double()[member.any(1)]
            sums += member[member.any(1)].T @ own
            counts += member.sum(0)
            squares += own.T @ own
        seen = counts > 0
        means = sums[seen] / counts[seen, None]
        within = squares - means.T @ (means * counts[seen, None])
        self.experts += [expert] * len(means)
        self.labels += [label for label, known in zip(classes, seen.tolist(), strict=True) if known]
        self.means = torch.cat([self.means, means.float()])
        self.scatter = self.scatter + within.float()
        self.count += int(counts.sum())
        self._refresh()

    def _refresh(self) -> None:
        covariance = self.scatter.double() / max(self.count, 1)
        floor = max(_SHRINKAGE * float(covariance.diagonal().mean()), 1e-6)
        covariance = covariance + floor * torch.eye(len(covariance), dtype=torch.float64)
        means = self.means.double()
        weight = torch.linalg.solve(covariance, means.T).T
        self._weight, self._bias = weight.float(), (-0.5 * (weight * means).sum(1)).float()

    def scores(self, h: Tensor, candidates: Sequence[int], allowed: Tensor | None = None) -> Tensor:
        """The evidence for each expert.

        Args:
            h: (B, width) features.
            candidates: columns of experts.
            allowed: (B, classes) bool, the classes that may be answered; None allows all.

        Returns:
            (B, candidates): log-likelihoods up to one term an image.
        """
        scores = h @ self._weight.to(h.device).T + self._bias.to(h.device)
        if allowed is not None:
            scores = scores.masked_fill(~allowed[:, torch.tensor(self.labels, device=h.device)], MASKED)
        columns = []
        for expert in candidates:
            own = [row for row, owner in enumerate(self.experts) if owner == expert]
            columns.append(scores[:, own].logsumexp(1) if own else scores.new_full((len(h),), 2 * MASKED))
        return torch.stack(columns, 1)

    def export(self) -> dict[str, Any]:
        """Plain data, for checkpoints."""
        return {
            "experts": list(self.experts),
            "labels": list(self.labels),
            "means": self.means,
            "scatter": self.scatter,
            "count": self.count,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take over what :meth:`export` returned."""
        self.experts = [int(number) for number in state["experts"]]
        self.labels = [int(number) for number in state["labels"]]
        self.means, self.scatter = state["means"].clone(), state["scatter"].clone()
        self.count = int(state["count"])
        self._refresh()
