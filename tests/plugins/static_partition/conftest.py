"""Small partitions, trained on sample streams."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from hypothesis import settings
from morph_cl_plugins.static_partition.options import PartitionOptions
from morph_cl_plugins.static_partition.strategy import build

from morph_cl import StrategyContext
from morph_cl.options import validate_options
from morph_cl.testing.samples import sample_stream

settings.register_profile("static-partition", deadline=None)  # the first example also warms torch up
settings.load_profile("static-partition")


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks of a dozen units lose time to more threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def make() -> Callable[..., Any]:
    """Build a static partition for a stream."""

    def run(stream: Any, setting: str, *, plugins: tuple[Any, ...] = (), epochs: int = 2, **options: Any) -> Any:
        torch.manual_seed(0)
        context = StrategyContext(
            input_shape=stream.input_shape,
            classes=stream.classes,
            experiences=len(stream),
            setting=setting,
            epochs=epochs,
            batch_size=16,
            eval_batch_size=16,
            device="cpu",
            seed=0,
            build_expert=lambda name, options: torch.nn.Identity(),
            plugins=plugins,
        )
        return build(context, validate_options(PartitionOptions, {"hidden": [16], **options}, "static-partition"))

    return run


@pytest.fixture(scope="session")
def train(make: Callable[..., Any]) -> Callable[..., Any]:
    """Train a static partition on the sample stream of a setting."""

    def run(setting: str = "class", **how: Any) -> Any:
        stream = sample_stream(setting)
        strategy = make(stream, setting, **how)
        for experience in stream.benchmark.train_stream:
            strategy.train(experience, eval_streams=[])
        strategy.model.eval()
        return strategy

    return run
