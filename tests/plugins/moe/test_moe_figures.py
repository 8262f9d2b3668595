"""How labels and experts go together."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from morph_cl_plugins.moe.figures import mutual_information, purity, usage_entropy, usage_of
from sklearn.metrics import normalized_mutual_info_score

ANSWERS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), min_size=2, max_size=60)


@given(answers=ANSWERS)
def test_nmi_and_purity_are_those_of_the_books(answers):
    labels, experts = (torch.tensor(column) for column in zip(*answers, strict=True))
    usage = usage_of(torch.nn.functional.one_hot(experts, 5).float(), labels, 4)
    assert usage.counts.sum() == len(answers)
    nmi = mutual_information(usage.counts)
    if len(set(labels.tolist())) == len(set(experts.tolist())) == 1:
        assert math.isnan(nmi)
    else:
        assert nmi == pytest.approx(normalized_mutual_info_score(labels, experts), abs=1e-6)
    most = sum(int(torch.bincount(labels[experts == number]).max()) for number in set(experts.tolist()))
    assert purity(usage.counts) == pytest.approx(most / len(answers))


@given(shares=st.lists(st.floats(0.01, 1), min_size=2, max_size=8))
def test_usage_entropy_lies_between_one_expert_and_all(shares):
    used = torch.tensor(shares) / sum(shares)
    assert 0 < usage_entropy(used) <= 1
    assert usage_entropy(torch.full((len(shares),), 1 / len(shares))) == pytest.approx(1.0)
    assert usage_entropy(torch.eye(len(shares))[0]) == 0


def test_a_single_expert_has_no_entropy():
    assert math.isnan(usage_entropy(torch.ones(1)))


def test_weights_are_averaged_and_the_heaviest_expert_is_counted():
    usage = usage_of(torch.tensor([[0.6, 0.4, 0.0], [0.0, 0.9, 0.1]]), torch.tensor([1, 1]), 2)
    assert usage.counts.tolist() == [[0, 0, 0], [1, 1, 0]]
    torch.testing.assert_close(usage.shares, torch.tensor([0.3, 0.65, 0.05]))
