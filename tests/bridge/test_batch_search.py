"""The search for a batch size, on made-up step times."""

from __future__ import annotations

import pytest
import torch
from avalanche.training.templates import SupervisedTemplate
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from morph_cl import TensorStrategy
from morph_cl.bridge.batch_search import LEAST_GAIN, best_trial, search_batch_size, step_seconds


class _Experience:
    def __init__(self, size: int) -> None:
        self.dataset = range(size)


def search(seconds, samples=100_000):
    return search_batch_size(lambda size: size, _Experience(samples), measure=lambda size, _: seconds(size))


def test_doubles_until_it_no_longer_pays():
    trials = search(lambda size: 1.0 + size / 100)
    assert [trial.batch_size for trial in trials][:3] == [16, 32, 64]
    best = best_trial(trials)
    assert best.batch_size == trials[-2].batch_size == 512, "1,024 in 11.2 s is 91 a second, 512 in 6.1 s is 84"


def test_ends_where_memory_is_full():
    def seconds(size):
        if size > 64:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return 1.0

    assert [trial.batch_size for trial in search(seconds)] == [16, 32, 64]


def test_another_failure_is_no_full_memory():
    def seconds(size):
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        search(seconds)


@given(samples=st.integers(1, 5_000), gains=st.lists(st.floats(0.5, 3.0), min_size=13, max_size=13))
def test_never_beyond_the_experience_and_every_size_taken_paid(samples, gains):
    def seconds(size):
        rate = 1.0
        for gain in gains[: size.bit_length()]:
            rate *= gain
        return size / rate

    trials = search(seconds, samples)
    assert trials
    assert all(trial.batch_size <= samples for trial in trials)
    best = best_trial(trials)
    assert best in trials
    first = trials[0]
    assert best == first or best.samples_per_second >= LEAST_GAIN * first.samples_per_second


class Plain(TensorStrategy, SupervisedTemplate):
    pass


@pytest.mark.parametrize("size", [4, 500])
def test_times_steps_and_leaves_the_stream_as_it_was(make_flipped, size):
    stream = make_flipped()
    experience = stream.benchmark.train_stream[0]
    before = len(experience.dataset)
    model = nn.Sequential(nn.Flatten(), nn.Linear(torch.Size(stream.input_shape).numel(), stream.classes))
    strategy = Plain(
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        criterion=nn.CrossEntropyLoss(),
        train_mb_size=size,
        evaluator=None,
    )
    assert step_seconds(strategy, experience) > 0
    assert len(experience.dataset) == before
