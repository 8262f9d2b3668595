"""Tiny streams and a way to train a baseline on them."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from morph_cl import (
    ExperienceData,
    ImageData,
    ScenarioRequest,
    StrategyContext,
    Stream,
    load_catalog,
    make_stream,
)
from morph_cl.options import validate_options

SIDE = 8
CLASSES = 6


def _blobs(labels: torch.Tensor, templates: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    noise = torch.rand((len(labels), 1, SIDE, SIDE), generator=generator)
    return ((0.6 * templates[labels] + 0.4 * noise) * 255).round().to(torch.uint8)


def make_tiny_stream(setting: str, experiences: int = 3, size: int = 240) -> Stream:
    """Noisy templates, one a class: split by classes, or shifted by some pixels in the domain setting."""
    generator = torch.Generator().manual_seed(7)
    templates = (torch.rand((CLASSES, 1, SIDE, SIDE), generator=generator) > 0.6).float()
    parts = []
    for number in range(experiences):
        per = CLASSES // experiences
        classes = torch.arange(CLASSES) if setting == "domain" else torch.arange(number * per, (number + 1) * per)
        train_y = classes[torch.randint(len(classes), (size,), generator=generator)]
        test_y = classes.repeat(20)
        shift = 3 * number if setting == "domain" else 0
        train_x, test_x = (_blobs(y, templates, generator).roll(shift, 3) for y in (train_y, test_y))
        parts.append(ExperienceData(f"part {number}", train_x, train_y, test_x, test_y))
    data = ImageData(
        "tiny",
        torch.cat([part.train_x for part in parts]),
        torch.cat([part.train_y for part in parts]),
        torch.cat([part.test_x for part in parts]),
        torch.cat([part.test_y for part in parts]),
        tuple("abcdef"),
    )
    return make_stream(ScenarioRequest(data, 0, setting), parts, classes=CLASSES)


def build_baseline(name: str, stream: Stream, *, plugins: tuple[Any, ...] = (), epochs: int = 4, **options: Any) -> Any:
    """A baseline for a stream, its options checked as a run checks them."""
    spec = load_catalog().strategies.get(name).spec
    context = StrategyContext(
        input_shape=stream.input_shape,
        classes=stream.classes,
        experiences=len(stream),
        setting=stream.setting,
        epochs=epochs,
        batch_size=24,
        eval_batch_size=50,
        device="cpu",
        seed=0,
        build_expert=lambda name, options: torch.nn.Identity(),
        plugins=plugins,
    )
    return spec.resolve()(context, validate_options(spec.params, {"hidden": [32], **options}, name))


def seed_all(seed: int = 0) -> None:
    """Seed every global generator."""
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)


def accuracies(strategy: Any, stream: Stream) -> list[float]:
    """Test accuracy on each experience, counted outside the strategy."""
    row: list[float] = []

    class Count:
        def __init__(self) -> None:
            self.correct = self.seen = 0

    def forward_and_count() -> Any:
        output = original()
        count.correct += int((output.argmax(1) == strategy.mb_y).sum())
        count.seen += len(output)
        return output

    original = strategy.forward
    for experience in stream.benchmark.test_stream:
        count = Count()
        strategy.forward = forward_and_count
        strategy.eval(experience)
        del strategy.forward
        row.append(count.correct / count.seen)
    return row


def train_baseline(name: str, stream: Stream, **settings: Any) -> Any:
    """Seed, build and train on the whole stream."""
    seed_all()
    strategy = build_baseline(name, stream, **settings)
    for experience in stream.benchmark.train_stream:
        strategy.train(experience, eval_streams=[])
    return strategy


@pytest.fixture(scope="session")
def tiny() -> Callable[[str], Stream]:
    """A tiny stream of each setting."""
    streams = {setting: make_tiny_stream(setting) for setting in ("class", "domain", "task")}
    return streams.__getitem__


@pytest.fixture(scope="session")
def build() -> Callable[..., Any]:
    return build_baseline


@pytest.fixture(scope="session")
def train() -> Callable[..., Any]:
    return train_baseline


@pytest.fixture(scope="session")
def measure() -> Callable[..., list[float]]:
    return accuracies


@pytest.fixture(scope="session")
def seed() -> Callable[..., None]:
    return seed_all


@pytest.fixture(scope="session")
def weights() -> Callable[[Any], torch.Tensor]:
    """All parameters of a strategy's model in one vector."""

    def flat(strategy: Any) -> torch.Tensor:
        return torch.cat([p.detach().flatten() for p in strategy.model.parameters()]).clone()

    return flat
