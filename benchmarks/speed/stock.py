"""Stock Avalanche on the same digits: as its user gets it, and as plain as it can be had."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from avalanche.benchmarks import benchmark_from_datasets
from avalanche.benchmarks.classic import RotatedMNIST
from avalanche.benchmarks.utils.classification_dataset import _make_taskaware_classification_dataset
from avalanche.evaluation.metrics import accuracy_metrics
from avalanche.training import supervised
from avalanche.training.plugins import EvaluationPlugin
from avalanche.training.plugins.evaluation import default_evaluator
from measure import Way
from PIL import Image
from subjects import network
from torch import Tensor, nn
from torch.utils.data import Dataset
from torchvision.transforms.functional import to_tensor

STOCK: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "naive": (supervised.Naive, {}),
    "replay": (supervised.Replay, {"mem_size": 500}),
    "ewc": (supervised.EWC, {"ewc_lambda": 20.0}),
    "der": (supervised.DER, {"mem_size": 500, "batch_size_mem": 128, "alpha": 1.0, "beta": 0.5}),
}
"""What Avalanche offers under these names; its DER fills its memory when an experience ends and replays one batch."""

Digits = tuple[Tensor, Tensor]
"""(N, 1, 28, 28) uint8 and (N,) int64."""


def classic(train: Digits, test: Digits, experiences: int) -> Any:
    """Avalanche's ``RotatedMNIST`` of these digits with everything at its default: 0, 45, 90 degrees and so on.

    Each sample is turned and normalized whenever it is loaded.

    Args:
        train: the training digits of every experience.
        test: the test digits of every experience.
        experiences: how many.
    """
    with tempfile.TemporaryDirectory() as folder:  # read whole when the benchmark is built
        raw = Path(folder) / "MNIST" / "raw"
        raw.mkdir(parents=True)
        for name, (x, y) in (("train", train), ("t10k", test)):
            _write_idx(raw / f"{name}-images-idx3-ubyte", x.squeeze(1))
            _write_idx(raw / f"{name}-labels-idx1-ubyte", y.to(torch.uint8))
        return RotatedMNIST(experiences, rotations_list=[45 * n for n in range(experiences)], dataset_root=folder)


def _write_idx(path: Path, values: Tensor) -> None:
    """A file of MNIST's own format: bytes behind their number of dimensions and their sizes."""
    header = np.array([0x800 + values.dim(), *values.shape], dtype=">i4")
    path.write_bytes(header.tobytes() + values.contiguous().numpy().tobytes())


class OneByOne(Dataset[tuple[Tensor, int]]):
    """Samples as torchvision's MNIST gives them: one at a time, a PIL image through ``ToTensor``.

    Args:
        x: (N, 1, H, W) uint8.
        y: (N,) int64.
    """

    def __init__(self, x: Tensor, y: Tensor) -> None:
        self.x, self.targets = x.squeeze(1).numpy(), y.tolist()

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        return to_tensor(Image.fromarray(self.x[row])), self.targets[row]


def plain_benchmark(parts: Sequence[Digits], tests: Sequence[Digits]) -> Any:
    """A benchmark of Avalanche's that does nothing to the digits.

    Args:
        parts: training images and labels by experience.
        tests: test images and labels by experience.
    """
    made = [
        [_make_taskaware_classification_dataset(OneByOne(*part), task_labels=0) for part in side]
        for side in (parts, tests)
    ]
    return benchmark_from_datasets(train=made[0], test=made[1])


def stock(name: str, batch_size: int = 128, *, plain: bool = False) -> Any:
    """Avalanche's own strategy.

    Args:
        name: of :data:`STOCK`.
        batch_size: samples a step.
        plain: whether it measures accuracy as ours does and shows nothing, instead of what Avalanche measures and
            shows by default.
    """
    kind, options = STOCK[name]
    model = network()
    evaluator = EvaluationPlugin(accuracy_metrics(epoch=True, experience=True), loggers=[])
    return kind(
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        criterion=nn.CrossEntropyLoss(),
        train_mb_size=batch_size,
        eval_mb_size=1_000,
        evaluator=evaluator if plain else _unseen_evaluator(),
        **options,
    )


def _unseen_evaluator() -> EvaluationPlugin:
    """Avalanche's default, the lines of its logger written to nowhere."""
    evaluator = default_evaluator()
    for logger in evaluator.loggers:
        logger.file = _Nowhere()
    return evaluator


class _Nowhere:
    """A file that keeps nothing."""

    def write(self, text: str) -> None:
        """Forget a text."""

    def flush(self) -> None:
        """There is nothing to write."""


def unseen(way: Way) -> Way:
    """The same, its progress bars drawn to nowhere.

    Args:
        way: what prints to standard output.
    """

    def run() -> float:
        with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
            return way()

    return run
