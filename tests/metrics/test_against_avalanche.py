"""The same run, measured by Avalanche and by us.

Its forgetting is first minus last, its forward transfer starts from the evaluation before any training.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from avalanche.evaluation.metrics import (
    accuracy_metrics,
    bwt_metrics,
    forgetting_metrics,
    forward_transfer_metrics,
)
from avalanche.training.plugins import EvaluationPlugin
from avalanche.training.supervised import Naive

from morph_cl.bridge.stream import ExperienceData, ScenarioRequest, Stream, make_stream
from morph_cl.data.images import ImageData
from morph_cl.metrics.continual import (
    average_accuracy,
    backward_transfer,
    first_minus_last,
    forgetting,
    forward_transfer,
)


@dataclass
class Measured:
    """What one run gave: R and b as collected from single evaluations, and Avalanche's last figures."""

    matrix: list[list[float]]
    initial: list[float]
    theirs: dict[str, float]


def _stream() -> Stream:
    """Three experiences whose pixels are permuted against one another, so that a plain learner forgets."""
    generator = torch.Generator().manual_seed(0)
    centres = torch.rand(4, 1, 4, 4, generator=generator)

    def draw(size: int) -> tuple[torch.Tensor, torch.Tensor]:
        y = torch.arange(size) % 4
        return (centres[y] + 0.25 * torch.randn(size, 1, 4, 4, generator=generator)).clamp(0, 1), y

    (train_x, train_y), (test_x, test_y) = draw(240), draw(100)
    data = ImageData("blobs", train_x, train_y, test_x, test_y, tuple("abcd"))
    experiences = []
    for number in range(3):
        order = torch.randperm(16, generator=generator)
        turned = [x.flatten(1)[:, order].reshape(x.shape) for x in (train_x, test_x)]
        experiences.append(ExperienceData(str(number), turned[0], train_y, turned[1], test_y))
    return make_stream(ScenarioRequest(data, seed=0, setting="domain"), experiences, classes=4)


@pytest.fixture(scope="module")
def measured() -> Measured:
    torch.manual_seed(0)
    evaluator = EvaluationPlugin(
        accuracy_metrics(stream=True, experience=True),
        forgetting_metrics(stream=True),
        bwt_metrics(stream=True),
        forward_transfer_metrics(stream=True),
        loggers=[],
    )
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 12), torch.nn.ReLU(), torch.nn.Linear(12, 4))
    strategy = Naive(
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.3),
        criterion=torch.nn.CrossEntropyLoss(),
        train_mb_size=16,
        eval_mb_size=100,
        train_epochs=4,
        evaluator=evaluator,
        eval_every=0,  # forward transfer refuses to work without
    )
    stream = _stream().benchmark
    initial = _accuracies(strategy.eval(stream.test_stream))
    matrix, theirs = [], {}
    for experience in stream.train_stream:
        strategy.train(experience, eval_streams=[])
        theirs = strategy.eval(stream.test_stream)
        matrix.append(_accuracies(theirs))
    return Measured(matrix, initial, theirs)


def _accuracies(figures: dict[str, Any]) -> list[float]:
    """The accuracy on each experience, out of one evaluation's figures."""
    found = {
        int(name.rpartition("Exp")[2]): value for name, value in figures.items() if name.startswith("Top1_Acc_Exp")
    }
    return [found[number] for number in sorted(found)]


def _theirs(measured: Measured, metric: str) -> float:
    (value,) = [value for name, value in measured.theirs.items() if name.startswith(metric + "/")]
    return value


def test_the_run_forgets(measured: Measured) -> None:
    """Else the comparisons below would compare zeros."""
    assert len(measured.matrix) == len(measured.initial) == 3
    assert first_minus_last(measured.matrix) > 0.05


def test_average_accuracy_is_avalanches(measured: Measured) -> None:
    # Their stream accuracy is over samples; here every experience has as many.
    assert average_accuracy(measured.matrix) == pytest.approx(_theirs(measured, "Top1_Acc_Stream"))


def test_avalanches_forgetting_is_first_minus_last(measured: Measured) -> None:
    assert first_minus_last(measured.matrix) == pytest.approx(_theirs(measured, "StreamForgetting"))
    assert forgetting(measured.matrix) >= _theirs(measured, "StreamForgetting") - 1e-12


def test_backward_transfer_is_avalanches(measured: Measured) -> None:
    assert backward_transfer(measured.matrix) == pytest.approx(_theirs(measured, "StreamBWT"))


def test_forward_transfer_is_avalanches(measured: Measured) -> None:
    ours = forward_transfer(measured.matrix, measured.initial)
    assert ours == pytest.approx(_theirs(measured, "StreamForwardTransfer"))
    assert ours != 0
