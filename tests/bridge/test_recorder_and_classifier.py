from __future__ import annotations

import pytest
import torch
from avalanche.training.templates import SupervisedTemplate
from torch import Tensor, nn

from morph_cl.bridge.classifier import TaskMaskedClassifier, build_classifier
from morph_cl.bridge.context import StrategyContext
from morph_cl.bridge.recorder import Recorder, _most_likely
from morph_cl.bridge.strategy import TensorStrategy
from morph_cl.bridge.stream import Stream
from morph_cl.training_options import TrainingOptions


class Plain(TensorStrategy, SupervisedTemplate):
    """Fine-tuning."""


class Oracle(nn.Module):
    """Answers as it is told to, whatever it sees."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = nn.Parameter(logits)

    def forward(self, x: Tensor) -> Tensor:
        return self.logits.expand(len(x), -1)


def strategy_of(model: nn.Module) -> tuple[Plain, Recorder]:
    recorder = Recorder(points=4)
    strategy = Plain(
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=1e-9),
        criterion=nn.CrossEntropyLoss(),
        train_mb_size=16,
        train_epochs=1,
        eval_mb_size=30,
        evaluator=None,
    )
    strategy.plugins.append(recorder)
    return strategy, recorder


def test_accuracy_and_calibration_are_those_of_the_answers(make_flipped):
    stream: Stream = make_flipped()
    strategy, recorder = strategy_of(Oracle(torch.tensor([2.0, 0.0, 0.0, 0.0])))
    row = recorder.evaluate(strategy, stream.benchmark.test_stream)
    assert row == [0.25, 0.25, 0.25], "a quarter of the images is of class 0"
    (bin_,) = recorder.calibration()
    confidence = float(torch.tensor([2.0, 0.0, 0.0, 0.0]).softmax(0)[0])
    assert (bin_.count, bin_.accuracy) == (240, 0.25)
    assert abs(bin_.confidence - confidence) < 1e-6


def test_the_training_curve_counts_stream_samples_and_keeps_few_points(make_flipped):
    stream: Stream = make_flipped()
    told: list[float] = []
    strategy, recorder = strategy_of(Oracle(torch.tensor([0.0, 3.0, 0.0, 0.0])))
    recorder.on_step = lambda accuracy: told.append(accuracy())
    strategy.train(stream.benchmark.train_stream[0], eval_streams=[])
    assert len(told) == 15, "240 images in batches of 16"
    assert [point.samples for point in recorder.curve] == [64, 128, 192, 240]
    assert abs(sum(point.train_accuracy for point in recorder.curve) / 4 - 0.25) < 0.1


def test_outputs_that_are_not_finite_are_noticed_and_counted_as_wrong_or_right_only(make_flipped):
    stream: Stream = make_flipped()
    strategy, recorder = strategy_of(Oracle(torch.full((4,), torch.nan)))
    row = recorder.evaluate(strategy, stream.benchmark.test_stream)
    assert recorder.diverged
    assert all(0 <= value <= 1 for value in row)


def masked(stream: Stream) -> TaskMaskedClassifier:
    context = StrategyContext(stream.input_shape, 4, len(stream), "task", 1, 16, 16, "cpu", 0, lambda *_: nn.Identity())
    model = build_classifier(context, TrainingOptions(hidden=(6,)))
    assert isinstance(model, TaskMaskedClassifier)
    for experience in stream.benchmark.train_stream:
        model.train().adaptation(experience)
    return model


def test_a_masked_classifier_answers_within_the_task(make_flipped):
    stream: Stream = make_flipped("task")
    model = masked(stream).eval()
    x, _, task = stream.benchmark.test_stream[1].dataset.view().batch(torch.arange(20))
    free = model.network(x)
    for given in (1, task):
        told = model(x, given)
        assert torch.isin(told.argmax(1), torch.tensor([2, 3])).all()
        assert torch.equal(told[:, 2:], free[:, 2:]), "logits within the task are untouched"
    assert sorted(model(x, None)) == [0, 1]


def test_a_mask_is_learned_from_training_experiences_only(make_flipped):
    stream: Stream = make_flipped("task")
    context = StrategyContext(stream.input_shape, 4, 2, "task", 1, 16, 16, "cpu", 0, lambda *_: nn.Identity())
    model = build_classifier(context, TrainingOptions(hidden=(6,)))
    assert isinstance(model, TaskMaskedClassifier)
    model.eval().adaptation(stream.benchmark.test_stream[1])
    assert not model.task_classes.any()
    x = torch.rand(5, *stream.input_shape)
    assert torch.equal(model(x, 1), model.network(x)), "an unknown task masks nothing"


def test_task_labels_exist_in_the_task_setting_alone(make_flipped):
    for experience in make_flipped("domain").benchmark.train_stream:
        assert not hasattr(experience, "task_labels")
        assert experience.dataset.targets_task_labels.uniques == {0}
    labels = [e.task_label for e in make_flipped("task").benchmark.train_stream]
    assert labels == [0, 1]


def test_validation_data_comes_from_training_data_and_is_disjoint(make_flipped):
    stream: Stream = make_flipped("domain", validation=0.25)
    whole: Stream = make_flipped("domain")

    def rows(stream_: Stream, name: str) -> set[bytes]:
        x, _, _ = (
            stream_.benchmark.streams[name][0]
            .dataset.view()
            .batch(torch.arange(len(stream_.benchmark.streams[name][0].dataset)))
        )
        return {image.numpy().tobytes() for image in x}

    train, valid = rows(stream, "train"), rows(stream, "valid")
    assert (len(train), len(valid)) == (180, 60)
    assert not train & valid
    assert train | valid == rows(whole, "train")
    assert rows(stream, "test") == rows(whole, "test")


@pytest.mark.parametrize("scale", [0.1, 1.0, 300.0])
def test_confidence_is_the_greatest_probability(scale: float) -> None:
    logits = scale * torch.randn(500, 7, generator=torch.Generator().manual_seed(0))
    logits[0] = -torch.inf
    logits[0, 3] = 2.0
    confidence, answer = _most_likely(logits)
    best = logits.softmax(1).max(1)
    torch.testing.assert_close(confidence, best.values)
    assert torch.equal(answer, best.indices)
    assert bool((confidence <= 1.0).all())


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_confidence_of_what_is_not_finite_is_not_a_number(bad: float) -> None:
    assert bool(_most_likely(torch.tensor([[0.0, bad, 1.0]]))[0].isnan())
