from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from morph_cl.bridge.stream import ExperienceData, ScenarioRequest, Stream, make_stream
from morph_cl.data.images import ImageData


@pytest.fixture
def images() -> ImageData:
    """Four classes of 8x8 blobs, each bright in a quarter of its own."""
    generator = torch.Generator().manual_seed(7)

    def split(size: int) -> tuple[torch.Tensor, torch.Tensor]:
        y = torch.arange(size) % 4
        x = torch.randint(0, 90, (size, 1, 8, 8), generator=generator, dtype=torch.uint8)
        for label in range(4):
            rows, columns = divmod(label, 2)
            x[y == label, :, rows * 4 : rows * 4 + 4, columns * 4 : columns * 4 + 4] += 120
        return x, y

    train_x, train_y = split(240)
    test_x, test_y = split(80)
    return ImageData("blobs", train_x, train_y, test_x, test_y, ("a", "b", "c", "d"))


@pytest.fixture
def make_flipped(images: ImageData) -> Callable[..., Stream]:
    """A stream of three experiences: the images as they are, upside down, and mirrored."""

    def build(setting: str = "domain", validation: float = 0.0) -> Stream:
        request = ScenarioRequest(images, seed=3, setting=setting, validation=validation)
        if setting == "domain":
            turned = [
                ExperienceData(label, turn(images.train_x), images.train_y, turn(images.test_x), images.test_y)
                for label, turn in (
                    ("as is", lambda x: x),
                    ("flipped", lambda x: x.flip(2)),
                    ("mirrored", lambda x: x.flip(3)),
                )
            ]
            return make_stream(request, turned, classes=4)
        halves = []
        for pair in ((0, 1), (2, 3)):
            train = torch.isin(images.train_y, torch.tensor(pair))
            test = torch.isin(images.test_y, torch.tensor(pair))
            halves.append(
                ExperienceData(
                    f"classes {pair}",
                    images.train_x[train],
                    images.train_y[train],
                    images.test_x[test],
                    images.test_y[test],
                )
            )
        return make_stream(request, halves, classes=4)

    return build
