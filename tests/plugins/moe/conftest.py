"""Small mixtures, and experts that remember what they were run on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from hypothesis import settings
from morph_cl_plugins.moe.gate import TopKGate
from morph_cl_plugins.moe.mixture import Mixture
from torch import Tensor, nn

from morph_cl import StrategyContext, load_catalog
from morph_cl.options import validate_options
from morph_cl.testing.samples import sample_stream

settings.register_profile("moe", deadline=None)  # the first example also warms torch up
settings.load_profile("moe")

SHAPE = (1, 4, 4)
CLASSES = 3


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks of a dozen units lose time to more threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class CountingExpert(nn.Module):
    """A linear expert that keeps the images of each call."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(16, CLASSES)
        self.calls: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        self.calls.append(x)
        logits: Tensor = self.layer(x.flatten(1))
        return logits


@pytest.fixture(scope="session")
def make_mixture() -> Callable[..., Mixture]:
    def make(experts: int, k: int, seed: int = 0, *, noise: bool = False, **how: Any) -> Mixture:
        torch.manual_seed(seed)
        scores, spread = (nn.Sequential(nn.Flatten(), nn.Linear(16, experts)) for _ in range(2))
        gate = TopKGate(scores, k, spread if noise else None)
        return Mixture(gate, [CountingExpert() for _ in range(experts)], CLASSES, **how)

    return make


@pytest.fixture(scope="session")
def make_context() -> Callable[..., StrategyContext]:
    def make(**values: Any) -> StrategyContext:
        catalog = load_catalog()

        def build_expert(name: str, options: Any) -> nn.Module:
            spec = catalog.experts.get(name).spec
            context = made[0]
            return spec.resolve()(context.input_shape, context.classes, validate_options(spec.params, {}, name))

        settings = {
            "input_shape": (1, 8, 8),
            "classes": 4,
            "experiences": 3,
            "setting": "domain",
            "epochs": 2,
            "batch_size": 16,
            "eval_batch_size": 16,
            "device": "cpu",
            "seed": 0,
            "build_expert": build_expert,
            **values,
        }
        made = [StrategyContext(**settings)]
        return made[0]

    return make


@pytest.fixture(scope="session")
def train(make_context: Callable[..., StrategyContext]) -> Callable[..., Any]:
    """Train a strategy of the catalogue on the sample stream of a setting."""

    def run(
        name: str, setting: str = "class", *, plugins: tuple[Any, ...] = (), epochs: int = 2, **options: Any
    ) -> Any:
        torch.manual_seed(0)
        stream = sample_stream(setting)
        spec = load_catalog().strategies.get(name).spec
        context = make_context(classes=stream.classes, setting=setting, plugins=plugins, epochs=epochs)
        strategy = spec.resolve()(context, validate_options(spec.params, {"hidden": [16], **options}, name))
        for experience in stream.benchmark.train_stream:
            strategy.train(experience, eval_streams=[])
        strategy.model.eval()
        return strategy

    return run
