"""Trust: densities have a say in classes as long as that does no harm."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from morph_cl.morph.decision import decide
from morph_cl.morph.model import MorphModel
from morph_cl.morph.trust import Trust

losses = st.floats(0, 1e6)
pairs = st.lists(st.tuples(losses, losses), max_size=60)


def heard(samples: list[tuple[float, float]]) -> Trust:
    trust = Trust()
    trust.hear([alone for alone, _ in samples], [joined for _, joined in samples])
    return trust


def test_it_is_given_at_first() -> None:
    assert Trust().given


@given(pairs)
def test_densities_that_never_harm_keep_it(samples: list[tuple[float, float]]) -> None:
    assert heard([(max(pair), min(pair)) for pair in samples]).given


@given(st.floats(0, 4.9), st.floats(0.01, 1e6), st.integers(1, 200))
def test_harm_withdraws_it(alone: float, harm: float, count: int) -> None:
    assert not heard([(alone, alone + harm)] * count).given


def test_a_harm_that_is_made_up_for_gives_it_back() -> None:
    trust = heard([(1.0, 2.0)] * 20)
    trust.hear([2.0] * 10, [1.0] * 10)
    assert not trust.given
    trust.hear([2.0] * 200, [1.0] * 200)
    assert trust.given


def test_a_late_benefit_does_not_hide_what_was_worse_before_nor_the_other_way_round() -> None:
    late = heard([(1.0, 2.0)] * 500 + [(2.0, 1.0)] * 100)
    assert late.fast < 0 < late.slow
    assert not late.given
    early = heard([(2.0, 1.0)] * 500 + [(1.0, 2.0)] * 100)
    assert early.slow < 0 < early.fast
    assert not early.given


@given(pairs, st.floats(0, 5), st.floats(5, 1e6))
def test_one_sample_says_no_more_than_five_nats(samples: list[tuple[float, float]], alone: float, far: float) -> None:
    assert heard([*samples, (alone, far)]).export() == heard([*samples, (alone, 5.0)]).export()
    assert heard([*samples, (far, 5.0)]).export() == heard([*samples, (5.0, 5.0)]).export()


@given(pairs, pairs)
def test_trust_goes_on_from_its_state(before: list[tuple[float, float]], after: list[tuple[float, float]]) -> None:
    first, second = heard(before), Trust()
    second.load(first.export())
    for each in (first, second):
        each.hear([alone for alone, _ in after], [joined for _, joined in after])
    assert first.export() == second.export()


def test_another_expert_is_trusted_anew() -> None:
    trust = heard([(0.0, 1.0)])
    trust.opened()
    assert trust.given
    assert trust.export() == Trust().export()


def test_densities_without_trust_say_nothing_of_classes(
    learn: Callable[..., None],
    make_model: Callable[..., MorphModel],
    make_samples: Callable[..., tuple[Tensor, Tensor]],
) -> None:
    model = make_model()
    learn(model, model.make_optimizer(), *make_samples(320, 0, 0))
    assert model.adapting is not None
    model.adapting.effort.opened(known=True)
    x, _ = make_samples(50, 0, 1)
    model.eval()
    with torch.no_grad():
        alone = model.pool(0, x)
        model.adapting.trust.load({"fast": -0.1, "slow": -0.1})
        joined = decide(model, x).logits.log_softmax(1)
        model.adapting.trust.load({"fast": 0.1, "slow": -0.1})
        muted = decide(model, x).logits.log_softmax(1)
    assert float((muted - alone).abs().max()) == pytest.approx(0, abs=1e-4)
    assert float((joined - alone).abs().max()) > 0.01


def test_densities_of_a_world_that_is_no_more_lose_trust(
    learn: Callable[..., None],
    make_model: Callable[..., MorphModel],
    make_samples: Callable[..., tuple[Tensor, Tensor]],
) -> None:
    model = make_model(lr=1e-2, max_experts=1)
    learn(model, model.make_optimizer(), *make_samples(640, 0, 0))
    assert model.adapting is not None
    assert model.adapting.trust.slow < 0.05
    x, y = make_samples(640, 0, 1)
    learn(model, model.make_optimizer(), x, (y + 1) % 3)
    assert not model.adapting.trust.given
