"""The loss of an evaluation is the criterion's, whatever way it is computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from avalanche.core import SupervisedPlugin
from avalanche.training.templates import SupervisedTemplate
from torch import nn

from morph_cl.bridge import strategy as bridge
from morph_cl.bridge.evaluation_loss import is_plain, mean_cross_entropy
from morph_cl.bridge.strategy import TensorStrategy
from morph_cl.bridge.stream import Stream


class Plain(TensorStrategy, SupervisedTemplate):
    """Fine-tuning."""


class Losses(SupervisedPlugin):
    """Keeps each evaluation batch's loss beside its outputs and labels."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[Any, Any, Any]] = []

    def after_eval_iteration(self, strategy: Any, **_: Any) -> None:
        self.seen.append((strategy.loss, strategy.mb_output, strategy.mb_y))


@pytest.mark.parametrize("scale", [0.1, 1.0, 300.0])
def test_it_is_the_cross_entropy(scale: float) -> None:
    logits = scale * torch.randn(300, 7, generator=torch.Generator().manual_seed(0))
    y = torch.arange(300) % 7
    torch.testing.assert_close(mean_cross_entropy(logits, y), nn.functional.cross_entropy(logits, y))


@pytest.mark.parametrize(
    "other",
    [
        nn.CrossEntropyLoss(weight=torch.ones(3)),
        nn.CrossEntropyLoss(label_smoothing=0.1),
        nn.CrossEntropyLoss(reduction="sum"),
        nn.CrossEntropyLoss(ignore_index=0),
        nn.NLLLoss(),
        lambda logits, _: logits.sum(),
    ],
)
def test_other_criteria_are_not_replaced(other: Any) -> None:
    assert is_plain(nn.CrossEntropyLoss())
    assert not is_plain(other)


@pytest.mark.parametrize("criterion", [nn.CrossEntropyLoss(), nn.CrossEntropyLoss(label_smoothing=0.1)])
def test_plugins_read_the_loss_of_the_criterion(
    make_flipped: Callable[..., Stream], criterion: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast: list[int] = []
    monkeypatch.setattr(
        bridge, "mean_cross_entropy", lambda logits, y: (fast.append(len(y)), mean_cross_entropy(logits, y))[1]
    )
    losses = Losses()
    stream = make_flipped()
    model = nn.Sequential(nn.Flatten(), nn.LazyLinear(stream.classes))
    model(torch.zeros(2, *stream.input_shape))
    strategy = Plain(
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        criterion=criterion,
        eval_mb_size=40,
        plugins=[losses],
        evaluator=None,
    )
    strategy.eval(stream.benchmark.test_stream)
    assert losses.seen
    for loss, output, y in losses.seen:
        torch.testing.assert_close(loss, criterion(output, y))
    assert fast == ([len(y) for _, _, y in losses.seen] if is_plain(criterion) else [])
