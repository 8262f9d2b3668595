"""The data that strategies are asked about, and the expert weights that the training curve keeps."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from avalanche.training.templates import SupervisedTemplate
from torch import Tensor, nn

from morph_cl.bridge.expert_window import ExpertWindow
from morph_cl.bridge.inspection import labelled_batches
from morph_cl.bridge.recorder import Recorder
from morph_cl.bridge.strategy import TensorStrategy


def step(names: tuple[str, ...], weights: list[float] | None) -> SimpleNamespace:
    told = None if weights is None else torch.tensor(weights)
    return SimpleNamespace(expert_names=names, batch_expert_weights=lambda: told)


def test_a_window_is_the_mean_over_its_steps_by_name():
    window = ExpertWindow()
    window.add(step(("a", "b"), [0.5, 0.5]))
    window.add(step(("b", "c"), [0.25, 0.75]))  # "a" is gone, "c" has come, "b" has moved
    assert window.close() == (["a", "b", "c"], [0.25, 0.375, 0.375])
    assert window.close() == ([], []), "a closed window starts anew"


def test_a_strategy_that_tells_nothing_leaves_no_weights():
    window = ExpertWindow()
    window.add(SimpleNamespace())
    window.add(step((), None))
    assert window.close() == ([], [])


def test_more_weights_than_names_are_refused():
    with pytest.raises(ValueError, match="zip"):
        ExpertWindow().add(step(("a",), [0.5, 0.5]))


class Alternating(TensorStrategy, SupervisedTemplate):
    """Tells that even steps go to one expert and odd steps to the other."""

    @property
    def expert_names(self) -> tuple[str, ...]:
        return ("even", "odd")

    def batch_expert_weights(self) -> Tensor:
        odd = float((self.clock.train_exp_iterations - 1) % 2)  # the clock has counted the step already
        return torch.tensor([1 - odd, odd])


def test_the_recorder_keeps_the_weights_since_the_last_point(make_flipped):
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 4))
    recorder = Recorder(points=5)
    strategy = Alternating(
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.01),
        criterion=nn.CrossEntropyLoss(),
        train_mb_size=16,
        evaluator=None,
    )
    strategy.plugins.append(recorder)
    strategy.train(make_flipped().benchmark.train_stream[0], eval_streams=[])
    weights = [point.expert_weights for point in recorder.curve]
    assert weights == [pytest.approx(w) for w in ([2 / 3, 1 / 3], [1 / 3, 2 / 3]) * 2 + ([2 / 3, 1 / 3],)]
    assert all(point.expert_names == ["even", "odd"] for point in recorder.curve)


def test_batches_are_the_test_data_in_order(make_flipped):
    stream = make_flipped("task")
    batches = list(labelled_batches(stream, 15))
    assert [(batch.experience, batch.task, len(batch.y)) for batch in batches] == [
        (0, 0, 15), (0, 0, 15), (0, 0, 10), (1, 1, 15), (1, 1, 15), (1, 1, 10),
    ]  # fmt: skip
    for number, experience in enumerate(stream.benchmark.test_stream):
        x, y, _ = experience.dataset.view().batch(torch.arange(40))
        assert torch.equal(torch.cat([batch.x for batch in batches if batch.experience == number]), x)
        assert torch.equal(torch.cat([batch.y for batch in batches if batch.experience == number]), y)
