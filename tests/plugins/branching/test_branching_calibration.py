"""Temperatures, thresholds, risk and coverage."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from morph_cl_plugins.branching.calibration import choose_temperature, choose_threshold

SEEDS = st.integers(0, 10_000)


def _confidences(seed, ties):
    generator = torch.Generator().manual_seed(seed)
    confidence = torch.rand(40, generator=generator).clamp(min=1e-3)
    if ties:
        confidence = (confidence * 5).ceil() / 5
    right = torch.rand(40, generator=generator) < confidence
    return confidence, right, torch.rand(40, generator=generator)


@given(seed=SEEDS, ties=st.booleans())
def test_the_threshold_is_the_best_of_all(seed, ties):
    confidence, right, otherwise = _confidences(seed, ties)

    def gain(threshold):
        return float(torch.where(confidence >= threshold, right.float(), otherwise).double().sum())

    threshold = choose_threshold(confidence, right, otherwise)
    assert 0 < threshold <= 1
    assert gain(threshold) == pytest.approx(max(gain(value) for value in [*confidence.tolist(), 1e-9, 1.0]), abs=1e-4)


@given(seed=SEEDS, low=st.floats(0, 1), high=st.floats(0, 1))
def test_coverage_falls_as_the_threshold_rises(seed, low, high):
    confidence, _, _ = _confidences(seed, False)
    low, high = sorted((low, high))
    assert (confidence >= high).sum() <= (confidence >= low).sum()


@given(seed=SEEDS, cheap=st.floats(0, 1), dear=st.floats(0, 1))
def test_the_dearer_a_rejection_the_fewer(seed, cheap, dear):
    confidence, right, _ = _confidences(seed, False)
    cheap, dear = sorted((cheap, dear))
    accepted = [
        int((confidence >= choose_threshold(confidence, right, torch.full_like(confidence, 1 - cost))).sum())
        for cost in (cheap, dear)
    ]
    assert accepted[0] <= accepted[1]


def test_without_data_everything_is_accepted():
    empty = torch.zeros(0)
    assert 0 < choose_threshold(empty, empty.bool(), empty) < 1e-30
    assert choose_temperature(torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64)) == 1


@given(seed=SEEDS, factor=st.floats(0.5, 3))
def test_the_temperature_undoes_a_factor(seed, factor):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(200, 4, generator=generator)
    target = torch.distributions.Categorical(logits=logits).sample()
    plain = choose_temperature(logits, target)
    assert choose_temperature(factor * logits, target) == pytest.approx(factor * plain, rel=1e-3)


def test_faultless_data_do_not_ask_for_certainty():
    target = torch.arange(3).repeat(10)
    temperature = choose_temperature(torch.nn.functional.one_hot(target, 3).float(), target)
    assert temperature > 0.1
