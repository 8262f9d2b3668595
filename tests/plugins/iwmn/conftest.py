"""Small networks, and strategies on the streams that plugins are checked with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from hypothesis import settings
from morph_cl_plugins.iwmn.network import ModulatedNetwork, build_network
from morph_cl_plugins.iwmn.options import IwmnOptions
from morph_cl_plugins.iwmn.strategy import IterativeModulation, build_iwmn

from morph_cl import StrategyContext, Stream
from morph_cl.testing.samples import sample_stream

settings.register_profile("iwmn", deadline=None)  # the first example also warms torch up
settings.load_profile("iwmn")

SHAPE = (1, 6, 6)
CLASSES = 5


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks of a dozen units lose time to more threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def _context(
    shape: tuple[int, int, int], classes: int, setting: str = "class", epochs: int = 1, plugins: tuple[Any, ...] = ()
) -> StrategyContext:
    return StrategyContext(
        input_shape=shape,
        classes=classes,
        experiences=3,
        setting=setting,
        epochs=epochs,
        batch_size=12,
        eval_batch_size=16,
        device="cpu",
        seed=0,
        build_expert=lambda name, options: torch.nn.Identity(),
        plugins=plugins,
    )


@pytest.fixture(scope="session")
def make_context() -> Callable[..., StrategyContext]:
    return _context


@pytest.fixture(scope="session")
def make_network() -> Callable[..., ModulatedNetwork]:
    """An untrained network in double precision, strongly modulated unless told otherwise."""

    def make(seed: int = 0, **options: Any) -> ModulatedNetwork:
        torch.manual_seed(seed)
        settings = {"hidden": (12,), "modulator_hidden": 6, "strength": 1.0, **options}
        network = build_network(_context(SHAPE, CLASSES), IwmnOptions.model_validate(settings))
        assert isinstance(network, ModulatedNetwork)
        return network.double().eval()

    return make


@pytest.fixture(scope="session")
def make_images() -> Callable[..., torch.Tensor]:
    def make(count: int, seed: int = 0) -> torch.Tensor:
        return torch.rand((count, *SHAPE), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)

    return make


@pytest.fixture(scope="session")
def make_stream() -> Callable[..., Stream]:
    return sample_stream


@pytest.fixture(scope="session")
def make_strategy() -> Callable[..., IterativeModulation]:
    def make(stream: Stream, epochs: int = 1, plugins: tuple[Any, ...] = (), **options: Any) -> IterativeModulation:
        torch.manual_seed(0)
        context = _context(stream.input_shape, stream.classes, stream.setting, epochs, plugins)
        small = {"hidden": (12,), "modulator_hidden": 6, "lr": 0.01, **options}
        return build_iwmn(context, IwmnOptions.model_validate(small))

    return make
