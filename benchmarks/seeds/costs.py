"""What a prediction costs: multiply-accumulates, parameters that take part, time. Measured, for any strategy."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

_SINGLY = 200
_REPEATS = 5
_BATCH = 1_000


@dataclass(frozen=True)
class Costs:
    """Of a prediction without a label.

    Args:
        active: mean number of parameters that one image is computed with.
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
    """Parameters that a prediction computes with, each counted once."""
    with _Watch() as watch:
        model(image)
    return sum(parameter.numel() for parameter in watch.used)


class _Watch(TorchFunctionMode):
    """Keeps the parameters that functions of torch are given, whole or in part."""

    def __init__(self) -> None:
        super().__init__()
        self.used: set[nn.Parameter] = set()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.__name__ != "__get__":  # asking for a shape or a device computes nothing
            leaves = tree_leaves((args, kwargs or {}))
            self.used.update(leaf for leaf in leaves if isinstance(leaf, nn.Parameter))
        return func(*args, **(kwargs or {}))
