from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor

from morph_cl.morph.holdout import training_rows
from morph_cl.morph.model import MorphModel

Samples = Callable[..., tuple[Tensor, Tensor]]


@given(st.integers(0, 1_000), st.integers(1, 50))
@example(426, 22)  # both samples of the last batch are held out, so it is learned from as a whole
def test_the_image_alone_decides_whether_it_is_held_out(seed: int, size: int) -> None:
    x = torch.rand(200, 1, 6, 6, generator=torch.Generator().manual_seed(seed))
    whole = training_rows(x, 0.3)
    order = torch.randperm(200, generator=torch.Generator().manual_seed(seed))
    for rows in order.split(size):
        stay = whole[rows] if bool(whole[rows].any()) else torch.ones(len(rows), dtype=torch.bool)
        assert torch.equal(training_rows(x[rows], 0.3), stay)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3])
def test_it_holds_out_the_share_that_was_asked_for(share: float) -> None:
    x = (torch.rand(20_000, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 255).round() / 255
    assert float((~training_rows(x, share)).float().mean()) == pytest.approx(share, abs=0.01)


def test_a_batch_is_never_left_empty() -> None:
    x = torch.rand(100, 1, 6, 6)
    assert all(bool(training_rows(one[None], 0.49).all()) for one in x)


def test_a_stream_without_boundaries_is_judged_on_what_nothing_was_trained_on(
    learn: Callable[..., None], make_model: Callable[..., MorphModel], make_samples: Samples
) -> None:
    model = make_model(holdout=0.1, memory=5_000)
    x, y = make_samples(960, 0, 0)
    for _ in range(2):  # two epochs: what was held out in the first is held out in the second
        learn(model, model.make_optimizer(), x, y)
    held = {image.numpy().tobytes() for image in model.validation.images(torch.arange(len(model.validation)))}
    remembered = {image.numpy().tobytes() for image in model.memory.images(torch.arange(len(model.memory)))}
    assert len(held) > 50
    assert not held & remembered
    assert int(model.concepts.counts.sum()) == len(model.memory)
