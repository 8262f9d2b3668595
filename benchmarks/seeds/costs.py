"""What a prediction costs: multiply-accumulates, parameters that take part, time. Measured, for any strategy."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

_SINGLY = 200
_REPEATS = 5
_BATCH = 1_000


@dataclass(frozen=True)
class Costs:
    """Of a prediction without a label.

    Args:
        active: mean number of parameters in the modules that ran for one image.
        macs: mean multiply-accumulates of matrix products and convolutions for one image.
        milliseconds: for 1,000 images in one batch, the least of five passes over the test data.
    """

    active: float
    macs: float
    milliseconds: float


@torch.inference_mode()
def measure(strategy: Any, x: Tensor) -> Costs:
    """Count and time the predictions of a trained strategy.

    Args:
        strategy: as ``morph_cl.load_model`` returns it.
        x: (N, C, H, W) test images, N at least 1,000.

    Returns:
        What one prediction costs.
    """
    model = strategy.model.eval()
    counter = FlopCounterMode(display=False)
    with counter:
        model(x[:_BATCH])
    active = sum(_active(model, image[None]) for image in x[:_SINGLY]) / _SINGLY
    return Costs(active, counter.get_total_flops() / 2 / _BATCH, min(_seconds(model, x) for _ in range(_REPEATS)))


def _seconds(model: nn.Module, x: Tensor) -> float:
    """Milliseconds for 1,000 images."""
    started = time.perf_counter()
    for batch in x.split(_BATCH):
        model(batch)
    return (time.perf_counter() - started) * 1e6 / len(x)


def _active(model: nn.Module, image: Tensor) -> int:
    """Parameters of the modules that a prediction runs, each counted once."""
    with _watched(model) as ran:
        model(image)
    return sum(
        {parameter: parameter.numel() for module in ran for parameter in module.parameters(recurse=False)}.values()
    )


@contextmanager
def _watched(model: nn.Module) -> Iterator[set[nn.Module]]:
    ran: set[nn.Module] = set()
    hooks = [module.register_forward_hook(lambda module, *_: ran.add(module)) for module in model.modules()]
    try:
        yield ran
    finally:
        for hook in hooks:
            hook.remove()
