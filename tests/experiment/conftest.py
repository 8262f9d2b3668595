from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def blobs(tmp_path: Path) -> str:
    """A data set file of 8x8 images in four classes, each bright in a quarter of its own."""
    rng = np.random.default_rng(7)

    def split(size: int) -> tuple[np.ndarray, np.ndarray]:
        y = np.arange(size) % 4
        x = rng.integers(0, 90, (size, 8, 8), dtype=np.uint8)
        for label in range(4):
            rows, columns = divmod(label, 2)
            x[y == label, rows * 4 : rows * 4 + 4, columns * 4 : columns * 4 + 4] += 120
        return x, y

    x_train, y_train = split(240)
    x_test, y_test = split(80)
    path = tmp_path / "blobs.npz"
    np.savez(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return str(path)
