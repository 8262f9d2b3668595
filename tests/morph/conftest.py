"""Small streams and models: 6x6 images whose classes are blobs, and a turn of the whole picture as a new domain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from hypothesis import settings
from torch import Tensor

from morph_cl.bridge.context import StrategyContext
from morph_cl.bridge.stream import ExperienceData, ScenarioRequest, Stream, make_stream
from morph_cl.data.images import ImageData
from morph_cl.morph import precision
from morph_cl.morph.builders import build_mlp
from morph_cl.morph.intake import absorb, begin, hold_out, measure, remember
from morph_cl.morph.model import MorphModel
from morph_cl.morph.options import MlpExpertOptions, MorphOptions
from morph_cl.morph.strategy import MorphStrategy, build

settings.register_profile("morph", deadline=None)  # the first example also warms torch up
settings.load_profile("morph")


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks of a dozen units lose time to more threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def exact() -> Iterator[None]:
    """A processor without bfloat16, so that predictions can be compared to the last digits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(precision, "multiplies_bfloat16", lambda: False)
        yield


SHAPE = (1, 6, 6)
CLASSES = 3


def small_expert() -> torch.nn.Module:
    return build_mlp(SHAPE, CLASSES, MlpExpertOptions(hidden=(12,)))


def samples(size: int, domain: int, seed: int, classes: tuple[int, ...] = (0, 1, 2)) -> tuple[Tensor, Tensor]:
    """Noisy pictures: class c is a bright row, each domain a quarter turn and a brighter background."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.tensor(classes)[torch.randint(0, len(classes), (size,), generator=generator)]
    x = 0.15 * torch.rand(size, *SHAPE, generator=generator) + 0.12 * domain
    x[torch.arange(size), 0, 2 * y] += 0.5 * torch.rand(size, 6, generator=generator)
    return torch.rot90(x, domain, (2, 3)).clamp(0, 1).contiguous(), y


@pytest.fixture(scope="session")
def make_model() -> Callable[..., MorphModel]:
    def make(**options: Any) -> MorphModel:
        torch.manual_seed(0)
        # 8 bits: backgrounds of these pictures differ by less than one of the four levels of the default.
        small = {"dims": 6, "memory": 200, "memory_bits": 8, "window": 64, "cooldown": 10}
        settings = {**small, "boundaries": "free", **options}
        return MorphModel(small_expert, SHAPE, CLASSES, MorphOptions(**settings))

    return make


@pytest.fixture(scope="session")
def make_samples() -> Callable[..., tuple[Tensor, Tensor]]:
    return samples


@pytest.fixture(scope="session")
def make_domains() -> Callable[..., Stream]:
    """A stream with one experience a domain; in the task and class settings one a class."""

    def make(domains: tuple[int, ...] = (0, 1, 2), size: int = 400, setting: str = "domain") -> Stream:
        parts = []
        for number, domain in enumerate(domains):
            classes = (0, 1, 2) if setting == "domain" else ((0, 1), (2,), (1, 2))[number]
            x, y = samples(size, domain, 10 * number, classes)
            test_x, test_y = samples(200, domain, 10 * number + 1, classes)
            parts.append(ExperienceData(f"turn {domain}", as_bytes(x), y, as_bytes(test_x), test_y))
        first = parts[0]
        data = ImageData("blobs", first.train_x, first.train_y, first.test_x, first.test_y, ("a", "b", "c"))
        return make_stream(ScenarioRequest(data, 0, setting), parts, classes=CLASSES)

    return make


@pytest.fixture(scope="session")
def learn() -> Callable[..., None]:
    """Train on a stream without boundaries."""

    def train(model: MorphModel, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> None:
        for part in zip(torch.split(x, 32), torch.split(y, 32), strict=True):
            model.train_step(part, optimizer)

    return train


@pytest.fixture(scope="session")
def experience() -> Callable[..., None]:
    """Train on one experience as a boundary-aware strategy gives it, and sleep."""

    def train(model: MorphModel, x: Tensor, y: Tensor, steps: int = 40) -> None:
        keep = len(y) - len(y) // 5
        model.train()
        begin(model, x[:128], y[:128])
        absorb(model, x[:keep], y[:keep])
        hold_out(model, x[keep:], y[keep:])
        optimizer = model.make_optimizer()
        for _ in range(steps):
            rows = torch.randint(0, keep, (32,))
            optimizer.zero_grad()
            model.step(x[rows], y[rows]).loss.backward()
            optimizer.step()
            model.follow()
        measure(model, x[keep:], y[keep:])
        remember(model, x[:keep], y[:keep])
        model.sleep()
        model.eval()

    return train


@pytest.fixture
def grown(
    experience: Callable[..., None],
    make_model: Callable[..., MorphModel],
    make_samples: Callable[..., tuple[Tensor, Tensor]],
) -> MorphModel:
    """A model that met three domains and has an expert for each."""
    model = make_model(boundaries="aware", merge=False, prune=False)
    for number in range(3):
        experience(model, *make_samples(300, number, number))
    assert len(model.pool) == 3
    return model


def as_bytes(x: Tensor) -> Tensor:
    return (x * 255).round().to(torch.uint8)


@pytest.fixture(scope="session")
def make_strategy() -> Callable[..., MorphStrategy]:
    def make(
        stream: Stream, plugins: tuple[Any, ...] = (), seed: int = 0, epochs: int = 6, **options: Any
    ) -> MorphStrategy:
        torch.manual_seed(seed)
        context = StrategyContext(
            input_shape=stream.input_shape,
            classes=stream.classes,
            experiences=len(stream),
            setting=stream.setting,
            epochs=epochs,
            batch_size=32,
            eval_batch_size=64,
            device="cpu",
            seed=seed,
            build_expert=lambda name, options: small_expert(),
            plugins=plugins,
        )
        settings = {
            "dims": 6,
            "memory": 200,
            "window": 128,
            "holdout": 0.1,
            "replay": 32,
            "lr": 3e-3,
            "shared_lr": 3e-3,
            **options,
        }
        return build(context, MorphOptions(**settings))

    return make
