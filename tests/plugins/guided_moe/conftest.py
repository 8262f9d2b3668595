"""Small guided mixtures, trained on sample streams."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from hypothesis import settings

from morph_cl import StrategyContext, load_catalog
from morph_cl.options import validate_options
from morph_cl.testing.samples import sample_stream

settings.register_profile("guided-moe", deadline=None)  # the first example also warms torch up
settings.load_profile("guided-moe")


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks of a dozen units lose time to more threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def train() -> Callable[..., Any]:
    """Train a guided mixture on the sample stream of a setting."""

    def run(setting: str = "class", *, plugins: tuple[Any, ...] = (), epochs: int = 2, **options: Any) -> Any:
        torch.manual_seed(0)
        stream = sample_stream(setting)
        spec = load_catalog().strategies.get("guided-moe").spec
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
        strategy = spec.resolve()(context, validate_options(spec.params, {"hidden": [16], **options}, "guided-moe"))
        for experience in stream.benchmark.train_stream:
            strategy.train(experience, eval_streams=[])
        strategy.model.eval()
        return strategy

    return run
