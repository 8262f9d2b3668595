"""What is timed: streams and our strategies, and how."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from measure import Way
from torch import Tensor, nn

import morph_cl
from morph_cl.bridge.recorder import Recorder
from morph_cl.bridge.stream import ExperienceData, ScenarioRequest, make_stream
from morph_cl.data.images import ImageData
from morph_cl.options import validate_options


@dataclass(frozen=True)
class Size:
    """How much is run.

    Args:
        rounds: how often each side runs.
        train: digits of a training experience.
        test: digits of a test experience.
        experiences: experiences of the study of growth.
        quick: whether only the shape of the tables is wanted.
        only: the strategies of training and of the study of growth; empty takes all.
    """

    rounds: int
    train: int = 60_000
    test: int = 10_000
    experiences: int = 200
    quick: bool = False
    only: tuple[str, ...] = ()

    def of(self, strategies: Sequence[str]) -> list[str]:
        """Those of some strategies that are wanted.

        Args:
            strategies: of a section.
        """
        return [name for name in strategies if not self.only or name in self.only]


def digits(size: int, *, train: bool = True) -> tuple[Tensor, Tensor]:
    """MNIST digits, repeated where there are too few of them.

    Args:
        size: how many.
        train: whether of the training data.

    Returns:
        (size, 1, 28, 28) uint8 images and (size,) int64 labels: full MNIST, else the 5,000 digits that come along.
    """
    stream = morph_cl.build_stream("rotated-mnist", dataset="auto", options={"rotated-mnist": {"angles": [0]}})
    streams = stream.benchmark.train_stream if train else stream.benchmark.test_stream
    leaf = streams[0].dataset.view().leaves[0]
    rows = torch.arange(size) % len(leaf)
    return leaf.x[rows], leaf.y[rows]


def stream_of(parts: Sequence[tuple[Tensor, Tensor]], tests: Sequence[tuple[Tensor, Tensor]]) -> morph_cl.Stream:
    """A domain-incremental stream of ours.

    Args:
        parts: training images and labels by experience.
        tests: test images and labels by experience.
    """
    experiences = [
        ExperienceData(str(number), *train, *test)
        for number, (train, test) in enumerate(zip(parts, tests, strict=True))
    ]
    request = ScenarioRequest(
        data=ImageData("digits", *parts[0], *tests[0], tuple(map(str, range(10)))), seed=0, setting="domain"
    )
    return make_stream(request, experiences, classes=10)


def own(
    name: str, stream: morph_cl.Stream, batch_size: int = 128, options: Mapping[str, Any] | None = None, **experts: Any
) -> Any:
    """A strategy of ours, as a run builds it, with the recorder of a run.

    Args:
        name: the strategy's.
        stream: what it will meet.
        batch_size: samples a step.
        options: its options.
        experts: options of its experts.
    """
    catalog = morph_cl.load_catalog()
    spec = catalog.strategies.get(name).spec

    def build_expert(expert: str, given: Mapping[str, Any] | None) -> nn.Module:
        record = catalog.experts.get(expert).spec
        values = validate_options(record.params, {**experts, **(given or {})}, expert)
        built: nn.Module = record.resolve()(stream.input_shape, stream.classes, values)
        return built

    context = morph_cl.StrategyContext(
        input_shape=stream.input_shape,
        classes=stream.classes,
        experiences=len(stream),
        setting="domain",
        epochs=1,
        batch_size=batch_size,
        eval_batch_size=spec.eval_batch_size,
        device="cpu",
        seed=0,
        build_expert=build_expert,
        expert_options=lambda expert: catalog.experts.get(expert).spec.params.model_fields,
    )
    strategy = spec.resolve()(context, validate_options(spec.params, dict(options or {}), name))
    strategy.plugins.append(Recorder())
    return strategy


def network(input_shape: tuple[int, int, int] = (1, 28, 28), hidden: Sequence[int] = (100, 100)) -> nn.Module:
    """The plain network that our baselines have by default.

    Args:
        input_shape: (C, H, W).
        hidden: widths.
    """
    sizes = [math.prod(input_shape), *hidden]
    layers: list[nn.Module] = [nn.Flatten()]
    for fan_in, fan_out in itertools.pairwise(sizes):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], 10))


def timed(work: Callable[[], object]) -> float:
    """Seconds of a piece of work.

    Args:
        work: what to do once.
    """
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def trains(build: Callable[[], Any], experiences: Sequence[Any]) -> Way:
    """Train a fresh strategy on all experiences but the last untimed, then on the last.

    Args:
        build: the strategy.
        experiences: in order.
    """

    def run() -> float:
        torch.manual_seed(0)
        strategy = build()
        for experience in experiences[:-1]:
            strategy.train(experience, eval_streams=[])
        return timed(lambda: strategy.train(experiences[-1], eval_streams=[]))

    return run
