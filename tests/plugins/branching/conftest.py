"""Tiny streams and branched models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from hypothesis import settings
from morph_cl_plugins.branching.model import BranchedModel
from morph_cl_plugins.branching.options import BranchingOptions
from morph_cl_plugins.branching.strategy import Branching, build

from morph_cl import ExperienceData, ImageData, LabelledBatch, ScenarioRequest, StrategyContext, Stream, make_stream

settings.register_profile("branching", deadline=None)  # the first example also warms torch up
settings.load_profile("branching")

SHAPE = (1, 6, 6)
CLASSES = 6
SMALL = {"hidden": (24, 16), "branch_hidden": (16, 8), "lr": 5e-3, "branch_lr": 5e-3}


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks of a dozen units lose time to more threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def _draw(y: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Class c is a bright row; noise everywhere."""
    x = 0.4 * torch.rand(len(y), *SHAPE, generator=generator)
    x[torch.arange(len(y)), 0, y] += 0.2 + 0.4 * torch.rand(len(y), 6, generator=generator)
    return (255 * x.clamp(0, 1)).to(torch.uint8)


@pytest.fixture(scope="session")
def make_small_stream() -> Callable[..., Stream]:
    """One experience with all six classes, or three of two classes each."""

    def make(experiences: int = 1, setting: str = "class", size: int = 600) -> Stream:
        generator = torch.Generator().manual_seed(3)
        parts = []
        for classes in torch.arange(CLASSES).chunk(experiences):
            y = classes[torch.randint(len(classes), (size,), generator=generator)]
            test_y = classes.repeat(20)
            parts.append(ExperienceData(str(classes), _draw(y, generator), y, _draw(test_y, generator), test_y))
        x, y, test_x, test_y = (
            torch.cat([getattr(part, name) for part in parts]) for name in ("train_x", "train_y", "test_x", "test_y")
        )
        data = ImageData("rows", x, y, test_x, test_y, tuple("abcdef"))
        return make_stream(ScenarioRequest(data, 0, setting), parts, classes=CLASSES)

    return make


@pytest.fixture(scope="session")
def make_branching() -> Callable[..., Branching]:
    def make(stream: Stream, plugins: tuple[Any, ...] = (), epochs: int = 8, **options: Any) -> Branching:
        torch.manual_seed(0)
        context = StrategyContext(
            input_shape=stream.input_shape,
            classes=stream.classes,
            experiences=len(stream),
            setting=stream.setting,
            epochs=epochs,
            batch_size=20,
            eval_batch_size=64,
            device="cpu",
            seed=0,
            build_expert=lambda name, options: torch.nn.Identity(),
            plugins=plugins,
        )
        return build(context, BranchingOptions.model_validate({**SMALL, **options}))

    return make


@pytest.fixture(scope="session")
def train_branching(make_branching) -> Callable[..., Branching]:
    def train(stream: Stream, **settings: Any) -> Branching:
        strategy = make_branching(stream, **settings)
        for experience in stream.benchmark.train_stream:
            strategy.train(experience, eval_streams=[])
        strategy.model.eval()
        return strategy

    return train


@pytest.fixture(scope="session")
def make_tree() -> Callable[..., BranchedModel]:
    """An untrained, frozen parent with frozen branches on it: evens, odds, and 0 and 2 on the evens."""

    def make(seed: int = 0, **options: Any) -> BranchedModel:
        torch.manual_seed(seed)
        validated = BranchingOptions.model_validate({**SMALL, "routing": "parent", "layer": 2, **options})
        model = BranchedModel(SHAPE, CLASSES, validated, beside_parent=True)
        for classes, host in (((0, 2, 4), 0), ((1, 3, 5), 0), ((0, 2), 1)):
            model.branch(model.grow(classes, host, 0)).freeze()
        model.parent.freeze()
        for expert in (model.parent, *model.branches):
            expert.temperature.fill_(0.05)  # untrained heads are of one mind about everything
        return model.eval()

    return make


@pytest.fixture(scope="session")
def test_batches() -> Callable[..., list[LabelledBatch]]:
    def batches(stream: Stream, shift: int = 0) -> list[LabelledBatch]:
        found = []
        for number, experience in enumerate(stream.benchmark.test_stream):
            x = torch.stack([experience.dataset[row][0] for row in range(len(experience.dataset))])
            y = torch.tensor(list(experience.dataset.targets)).roll(shift)
            found.append(LabelledBatch(x, y, getattr(experience, "task_label", 0), number))
        return found

    return batches
