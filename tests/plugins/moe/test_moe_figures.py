"""How labels and experts go together."""

from __future__ import annotations

import math

import pytest
import torch
from morph_cl_plugins.moe.figures import usage_figures


def test_the_heaviest_expert_of_each_image_is_counted_and_weights_are_averaged():
    weights = torch.tensor([[0.6, 0.4, 0.0], [0.0, 0.9, 0.1], [0.0, 0.8, 0.2], [0.0, 0.9, 0.1]])
    figures = usage_figures(weights, torch.tensor([3, 1, 1, 3]))
    assert figures["purity"] == pytest.approx(3 / 4)
    shares = (0.15, 0.75, 0.1)
    assert figures["usage_entropy"] == pytest.approx(-sum(p * math.log(p) for p in shares) / math.log(3))
    labels, experts = math.log(2), -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    joint = -(2 * 0.25 * math.log(0.25) + 0.5 * math.log(0.5))
    assert figures["nmi"] == pytest.approx(2 * (labels + experts - joint) / (labels + experts))


def test_a_single_expert_has_no_usage_entropy():
    figures = usage_figures(torch.ones(3, 1), torch.tensor([0, 0, 2]))
    assert math.isnan(figures["usage_entropy"])
    assert figures["purity"] == pytest.approx(2 / 3)
