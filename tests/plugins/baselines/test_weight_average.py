"""The average in half precision: close to the one in float32, half its bytes, unseen by training."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from morph_cl_plugins.baselines.weight_average import WeightAverage, round_to_half
from torch import nn

from morph_cl import UsageError, load_catalog
from morph_cl.bridge.accounting import memory_use
from morph_cl.options import validate_options


def _follow(averages, steps, move):
    """Let averages follow one layer whose weights ``move`` changes in place at each step."""
    torch.manual_seed(0)
    layer = nn.Linear(40, 50, bias=False)
    for step in range(steps):
        with torch.no_grad():
            move(layer.weight, step)
        for average in averages:
            average.after_update(SimpleNamespace(model=layer))
    return [average.average["weight"].float() for average in averages]


def _naive_half(steps, move, decay):
    """What rounding to the nearest at each step makes of it."""
    torch.manual_seed(0)
    weight = nn.Linear(40, 50, bias=False).weight.detach().clone()
    average = None
    for step in range(steps):
        move(weight, step)
        share = 1 - min(decay, (2 + step) / (11 + step))
        average = weight.half() if average is None else average.float().lerp(weight, share).half()
    return average.float()


def test_half_follows_float32_where_plain_rounding_does_not():
    # A slow drift: each step of the average is below the distance of two neighbouring float16 numbers.
    def drift(weight, step):
        if step > 2_000:
            weight.mul_(1 + 1e-5)

    exact, half = _follow([WeightAverage(0.999), WeightAverage(0.999, half=True)], 5_000, drift)
    error = (half - exact).abs() / exact.abs().clamp(min=1e-3)
    assert float(error.mean()) < 2e-3
    assert abs(float(((half - exact) / exact.abs().clamp(min=1e-3)).mean())) < 3e-4  # right on average
    naive = _naive_half(5_000, drift, 0.999)
    assert float(((naive - exact).abs() / exact.abs().clamp(min=1e-3)).mean()) > 5e-3


def test_half_follows_float32_through_noise():
    def noise(weight, step):
        weight.add_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(step)), alpha=1e-3)

    exact, half = _follow([WeightAverage(0.999), WeightAverage(0.999, half=True)], 3_000, noise)
    assert float((half - exact).norm() / exact.norm()) < 5e-3


@settings(max_examples=50, deadline=None)
@given(value=st.floats(2**-13, 6e4), negative=st.booleans(), seed=st.integers(0, 99))
def test_rounds_to_a_neighbour(value, negative, seed):
    values = torch.full((64,), -value if negative else value)
    rounded = round_to_half(values, torch.Generator().manual_seed(seed)).float()
    assert float((rounded - values).abs().max()) < abs(value) * 2**-10
    exact = values.half().float()
    assert torch.equal(round_to_half(exact, torch.Generator().manual_seed(seed)).float(), exact)


def test_rounding_is_right_on_average():
    values = torch.full((100_000,), 1.0 + 0.25 * 2**-10)
    assert float(round_to_half(values, torch.Generator().manual_seed(0)).double().mean() - 1) * 2**10 == pytest.approx(
        0.25, abs=0.01
    )


@pytest.mark.parametrize("name", ["der", "replay"])
def test_average_in_half_is_used_at_evaluation_only(name, tiny, train, weights):
    stream = tiny("domain")
    plain = train(name, stream, mem_size=30)
    averaged = train(name, stream, mem_size=30, ema=0.99, ema_half=True)
    assert torch.equal(weights(plain), weights(averaged))
    plugin = averaged.plugins[1]
    before = {key: value.clone() for key, value in plugin.average.items()}
    averaged.eval(stream.benchmark.test_stream)
    assert torch.equal(weights(plain), weights(averaged))
    assert all(value.dtype == torch.float16 for value in plugin.average.values())
    assert all(torch.equal(value, before[key]) for key, value in plugin.average.items())


@pytest.mark.parametrize("name", ["der", "replay"])
def test_half_takes_half_the_bytes(name, tiny, train):
    parameters = 8 * 8 * 32 + 32 + 32 * 6 + 6
    held = [
        memory_use(train(name, tiny("domain"), mem_size=30, epochs=1, **options)).statistics_bytes
        for options in ({}, {"ema": 0.99}, {"ema": 0.99, "ema_half": True})
    ]
    assert [more - held[0] for more in held[1:]] == [4 * parameters, 2 * parameters]


@pytest.mark.parametrize("name", ["der", "replay"])
def test_half_without_an_average_is_refused(name):
    with pytest.raises(UsageError, match="add ema"):
        validate_options(load_catalog().strategies.get(name).spec.params, {"ema_half": True}, name)
