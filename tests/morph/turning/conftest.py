"""A world that turns: blobs on a ring, an expert that knows them without training, and real digits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from morph_cl.morph.align import Alignment
from morph_cl.morph.frames import turns
from morph_cl.morph.growth import Look
from morph_cl.morph.hearing import hear
from morph_cl.morph.model import MorphModel
from morph_cl.morph.options import MorphOptions

SHAPE = (1, 12, 12)
CLASSES = 8
_GAIN = 10.0


def blobs(degrees: Tensor) -> Tensor:
    """Smooth images (N, 1, 12, 12): one bright blob each, at so many degrees from the right, clockwise."""
    angle = degrees.float().deg2rad()
    middle = 0.6 * torch.stack([angle.cos(), angle.sin()], 1)  # column, row
    steps = (torch.arange(12) * 2 + 1) / 12 - 1
    places = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), -1)  # (12, 12, 2)
    away = (places - middle[:, None, None]).square().sum(-1)
    return (-away / (2 * 0.3**2)).exp().unsqueeze(1)


def ring_expert(start: float = 0.0, sense: int = 1) -> nn.Module:
    """Knows class c by a blob at start + 45 c degrees, clockwise or (sense -1) not, without training."""
    seen = blobs(start + 45.0 * sense * torch.arange(CLASSES)).flatten(1)
    layer = nn.Linear(seen.shape[1], CLASSES)
    with torch.no_grad():
        layer.weight.copy_(_GAIN * seen / seen.square().sum(1, keepdim=True))
        layer.bias.zero_()
    return nn.Sequential(nn.Flatten(), layer)


@pytest.fixture(scope="session")
def ring() -> Callable[..., tuple[Tensor, Tensor]]:
    """Samples of the ring, the whole of it turned clockwise; each a little off its place.

    In a mirrored ring, classes follow each other counter-clockwise: no turn makes one of the other.
    """

    def make(size: int, turn: float = 0.0, seed: int = 0, *, mirrored: bool = False) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(seed)
        y = torch.randint(0, CLASSES, (size,), generator=generator)
        around = -45.0 if mirrored else 45.0
        return blobs(around * y + turn + 4 * torch.rand(size, generator=generator) - 2), y

    return make


@pytest.fixture(scope="session")
def make_knowing() -> Callable[..., MorphModel]:
    """A model whose first expert knows the ring; each further one knows it from another start, or mirrored."""

    def make(*further: float | str, **options: Any) -> MorphModel:
        small = {
            "dims": 6,
            "window": 16,
            "memory": 100,
            "memory_bits": 8,
            "holdout": 0,
            "effort": 0,
            "lr": 1e-7,
            "gate": False,
        }
        model = MorphModel(
            ring_expert, SHAPE, CLASSES, MorphOptions(**{"boundaries": "free", "cooldown": 0, **small, **options})
        )
        for start in further:
            number = model.pool.add(None)
            net = ring_expert(sense=-1) if start == "mirrored" else ring_expert(float(start))
            model.pool.framed_net(number).net = net.requires_grad_(False)
        return model

    return make


@pytest.fixture(scope="session")
def grow_turned(ring: Callable[..., tuple[Tensor, Tensor]]) -> Callable[..., None]:
    """Grow an expert for a world that is turned clockwise, after a batch of the world as it was."""

    def grow(model: MorphModel, degrees: float, of: int = 0) -> None:
        assert model.adapting is not None
        hear(model, model.adapting, *ring(4))
        frame = turns(model.pool.frame(of), 720)[round(2 * degrees)]
        assert model.grow(Look(closest=0, novelty=1.0), Alignment(of, frame, 0.1))

    return grow


@pytest.fixture(scope="session")
def digits() -> tuple[Tensor, Tensor]:
    """The real digits of 8x8 pixels that scikit-learn ships, all of them."""
    from sklearn.datasets import load_digits

    found = load_digits()
    return torch.tensor(found.images / 16).float().unsqueeze(1), torch.tensor(found.target).long()
