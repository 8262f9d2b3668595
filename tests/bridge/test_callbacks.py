"""Which plugins a step calls: every one that acts, in order, and none that does not."""

from __future__ import annotations

import torch
from avalanche.core import SupervisedPlugin
from avalanche.evaluation.metrics import accuracy_metrics
from avalanche.training.plugins import EvaluationPlugin
from avalanche.training.supervised import Naive as StockNaive
from avalanche.training.templates import SupervisedTemplate
from torch import nn

from morph_cl import TensorStrategy
from morph_cl.bridge.callbacks import EVENTS, acts


class Plain(TensorStrategy, SupervisedTemplate):
    pass


class Stubborn(SupervisedTemplate):
    """A template that does more at a point of a step than calling plugins."""

    forwards = 0

    def _before_forward(self, **kwargs):
        self.forwards += 1
        super()._before_forward(**kwargs)


class Mixed(TensorStrategy, Stubborn):
    pass


class Diary(SupervisedPlugin):
    """Writes down that it was called at every point of a step."""

    def __init__(self, name: str, pages: list[tuple[str, str]]) -> None:
        super().__init__()
        for event in EVENTS:
            setattr(self, event, lambda _strategy, event=event, **_: pages.append((name, event)))


class Late(SupervisedPlugin):
    """Joins another plugin to the strategy in the midst of an experience."""

    def __init__(self, other: SupervisedPlugin) -> None:
        super().__init__()
        self.other = other

    def after_update(self, strategy, **_):
        if self.other not in strategy.plugins:
            strategy.plugins.append(self.other)


def built(kind, stream, *plugins, evaluator=None, size=16, loss=None):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(torch.Size(stream.input_shape).numel(), stream.classes))
    return kind(
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        criterion=nn.CrossEntropyLoss(),
        train_mb_size=size,
        train_epochs=1,
        eval_mb_size=30,
        plugins=list(plugins),
        evaluator=evaluator,
    )


def test_plugins_are_called_as_avalanche_calls_them(make_flipped):
    stream = make_flipped()
    written = []
    for kind in (StockNaive, Plain):
        pages: list[tuple[str, str]] = []
        strategy = built(kind, stream, Diary("first", pages), SupervisedPlugin(), Diary("second", pages))
        strategy.train(stream.benchmark.train_stream[0], eval_streams=[])
        strategy.eval(stream.benchmark.test_stream[:1])
        written.append(pages)
    assert written[0] == written[1]
    assert {event for _, event in written[0]} == set(EVENTS)


def test_a_plugin_that_comes_in_the_midst_is_heard_from_then_on(make_flipped):
    stream = make_flipped()
    pages: list[tuple[str, str]] = []
    strategy = built(Plain, stream, Late(Diary("late", pages)))
    strategy.train(stream.benchmark.train_stream[0], eval_streams=[])
    assert sum(event == "before_forward" for _, event in pages) == 14, "15 batches, all but the first"


def test_a_template_that_does_more_is_not_passed_over(make_flipped):
    stream = make_flipped()
    strategy = built(Mixed, stream)
    strategy.train(stream.benchmark.train_stream[0], eval_streams=[])
    assert strategy.forwards == 15


def test_an_evaluator_with_metrics_measures(make_flipped):
    stream = make_flipped()
    evaluator = EvaluationPlugin(accuracy_metrics(minibatch=True, experience=True), loggers=[])
    strategy = built(Plain, stream, evaluator=evaluator)
    strategy.train(stream.benchmark.train_stream[0], eval_streams=[])
    results = strategy.eval(stream.benchmark.test_stream[:1])
    assert any("Top1_Acc_MB" in name for name in evaluator.get_all_metrics())
    assert any("Top1_Acc_Exp" in name for name in results)


def test_an_evaluator_without_metrics_is_left_alone():
    assert not any(acts(EvaluationPlugin(), event) for event in EVENTS)
