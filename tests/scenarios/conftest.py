"""Small synthetic data sets for the scenarios."""

from __future__ import annotations

import pytest
import torch

from morph_cl import ImageData


def synthetic(
    classes: int = 10,
    each: int = 12,
    shape: tuple[int, int, int] = (1, 8, 8),
    names: tuple[str, ...] | None = None,
) -> ImageData:
    """Random images, no two alike, in which every class has ``each`` for training and half for test."""
    generator = torch.Generator().manual_seed(7)

    def draw(size: int) -> tuple[torch.Tensor, torch.Tensor]:
        y = torch.arange(classes).repeat(size)[torch.randperm(classes * size, generator=generator)]
        x = torch.randint(1, 256, (classes * size, *shape), generator=generator, dtype=torch.uint8)
        return x, y

    return ImageData("toy", *draw(each), *draw(each // 2), names or tuple(str(number) for number in range(classes)))


@pytest.fixture(scope="session")
def toy() -> ImageData:
    return synthetic()


@pytest.fixture(scope="session")
def make_data():
    return synthetic
