"""How labels and experts go together on test data."""

from __future__ import annotations

import torch
from torch import Tensor

from morph_cl import normalised_entropy, normalised_mutual_information, purity


def usage_figures(weights: Tensor, labels: Tensor) -> dict[str, float]:
    """How evenly experts are used, and what the routed expert, the one of the greatest weight, tells of the label.

    Args:
        weights: (N, E) of each expert in each answer, rows of sum 1, N at least 1.
        labels: (N,) int64.

    Returns:
        ``usage_entropy``, ``nmi`` and ``purity``, fractions; NaN where there is nothing to tell, as of one expert.
    """
    experts, classes = weights.shape[1], int(labels.max()) + 1
    routed = torch.bincount(weights.argmax(1) * classes + labels, minlength=experts * classes)
    table = routed.reshape(experts, classes).tolist()
    return {
        "usage_entropy": normalised_entropy(weights.mean(0).tolist()),
        "nmi": normalised_mutual_information(table),
        "purity": purity(table),
    }
