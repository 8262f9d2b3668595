"""Small synthetic files in the layouts that the data sets are read from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from morph_cl.catalog import Catalog
from morph_cl.data import plugin
from morph_cl.host import PluginHost, Source
from morph_cl.registry import Provider

IDX_NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """The user's own cache folder is not the tests' to write to."""
    folder = tmp_path_factory.getbasetemp() / "morph-cl-cache"
    monkeypatch.setenv("MORPH_CL_CACHE", str(folder))
    return folder


@pytest.fixture(autouse=True)
def no_data_root(monkeypatch, tmp_path):
    monkeypatch.setenv("MORPH_CL_DATA", str(tmp_path / "no-data-here"))


@pytest.fixture
def catalog() -> Catalog:
    """The bundled data sets alone."""
    provider = Provider("data", "morph-cl", "0", bundled=True)
    return Catalog(PluginHost([Source(provider, lambda: plugin)], strict=True))


def idx_bytes(array: np.ndarray) -> bytes:
    header = bytes((0, 0, 8, array.ndim)) + np.array(array.shape, dtype=">u4").tobytes()
    return header + array.astype(np.uint8).tobytes()


@pytest.fixture
def idx_files() -> Callable[..., dict[str, bytes]]:
    """The contents of the four files of a tiny MNIST."""

    def make(train: int = 20, test: int = 10, side: int = 4) -> dict[str, bytes]:
        random = np.random.RandomState(1)
        contents = []
        for count in (train, test):
            contents.append(idx_bytes(random.randint(0, 256, (count, side, side))))
            contents.append(idx_bytes(np.arange(count) % 10))
        return dict(zip(IDX_NAMES, contents, strict=True))

    return make


@pytest.fixture
def mnist_root(tmp_path, idx_files) -> Path:
    """A root with a tiny MNIST in torchvision's layout, raw files only."""
    raw = tmp_path / "root" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in idx_files().items():
        (raw / name).write_bytes(content)
    return tmp_path / "root"
