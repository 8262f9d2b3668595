from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from morph_cl.morph.model import MorphModel
from morph_cl.morph.sleep.specialisation import purity_and_entropy

Make = Callable[..., MorphModel]
Samples = Callable[..., tuple[Tensor, Tensor]]
Train = Callable[..., None]


def test_purity_and_entropy_of_known_labels() -> None:
    assert purity_and_entropy(torch.tensor([2, 2, 2]), 4) == (1.0, 0.0)
    assert purity_and_entropy(torch.tensor([0, 1, 2, 3]), 4) == (0.25, 1.0)
    assert purity_and_entropy(torch.tensor([0, 0, 1, 1]), 4) == (0.5, 0.5)
    assert purity_and_entropy(torch.tensor([0]), 1) == (1.0, 0.0)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=40))
def test_purity_and_entropy_stay_in_range_and_agree_on_pure_labels(labels: list[int]) -> None:
    purity, entropy = purity_and_entropy(torch.tensor(labels), 5)
    assert 0.2 <= purity <= 1.0
    assert 0.0 <= entropy <= 1.0
    assert (purity == 1.0) == (entropy == 0.0) == (len(set(labels)) == 1)


def test_sleep_tells_how_each_expert_specialises(experience: Train, make_model: Make, make_samples: Samples) -> None:
    model = make_model(boundaries="aware", merge=False, prune=False)
    for number, classes in enumerate(((0,), (1, 2))):
        experience(model, *make_samples(300, number, number, classes))
    model._admit(1)  # owns nothing yet
    rows = json.loads(json.dumps(model.sleep()["specialisation"]))
    assert [row["expert"] for row in rows] == model.numbers == [0, 1, 2]
    assert (rows[0]["purity"], rows[0]["entropy"]) == (1.0, 0.0)
    assert 0.5 <= rows[1]["purity"] < 1.0
    assert 0.0 < rows[1]["entropy"] < 1.0
    assert rows[2]["purity"] is rows[2]["entropy"] is None
    assert sum(row["share"] for row in rows) == pytest.approx(1.0, abs=1e-3)
    assert rows[0]["share"] > 0.1
