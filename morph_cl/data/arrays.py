"""From numpy arrays to an :class:`ImageData`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from morph_cl.data.images import ImageData
from morph_cl.data.splitting import stratified_split
from morph_cl.errors import DataError

Labelled = tuple[NDArray[Any], NDArray[np.int64]]
"""Images (N, C, H, W), uint8 or float32, and their classes (N,)."""


def image_data(name: str, train: Labelled, test: Labelled, class_names: Sequence[str]) -> ImageData:
    """Wrap arrays that come divided.

    Args:
        name: the data set's name.
        train: training images (N, C, H, W) uint8 or float32 and classes (N,).
        test: test images (M, C, H, W) of the same type and classes (M,).
        class_names: one name a class.

    Returns:
        The data set; its tensors own their memory.

    Raises:
        DataError: shapes, types or labels that do not fit together.
    """
    train_x, train_y, test_x, test_y = (_tensor(array) for array in (*train, *test))
    return ImageData(name, train_x, train_y, test_x, test_y, tuple(class_names))


def split_image_data(name: str, x: NDArray[Any], y: NDArray[np.int64], class_names: Sequence[str]) -> ImageData:
    """Wrap arrays that come undivided, a fifth of each class being held out as test data.

    Args:
        name: the data set's name.
        x: (N, C, H, W) uint8 or float32.
        y: (N,) classes in 0..len(class_names)-1.
        class_names: one name a class.

    Returns:
        The data set.

    Raises:
        DataError: a class with fewer than two images.
    """
    train, test = stratified_split(y, class_names, name)
    return image_data(name, (x[train], y[train]), (x[test], y[test]), class_names)


def encode_labels(
    name: str, train: NDArray[Any], test: NDArray[Any] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64] | None, tuple[str, ...]]:
    """Number the classes 0..K-1 in the sorted order of their labels.

    Args:
        name: the data set's name, for the message.
        train: (N,) integers, booleans or texts.
        test: (M,) of the same kind, None where the data comes undivided.

    Returns:
        The classes of the training samples, of the test samples, and the classes' names.

    Raises:
        DataError: fewer than two classes, or a class that only one of the two halves has.
    """
    values, numbers = np.unique(train, return_inverse=True)
    names = tuple(str(value) for value in values.tolist())
    if len(names) < 2:
        raise DataError(f"data set {name!r}: the only class is {names[0]!r}; give at least two classes.")
    train_y = numbers.reshape(-1).astype(np.int64)
    if test is None:
        return train_y, None, names
    strangers, absent = np.setdiff1d(test, values).tolist(), np.setdiff1d(values, test).tolist()
    if strangers:
        raise DataError(f"data set {name!r}: class {str(strangers[0])!r} of the test data is absent from training.")
    if absent:
        raise DataError(f"data set {name!r}: class {str(absent[0])!r} of the training data has no test image.")
    return train_y, np.searchsorted(values, test).astype(np.int64), names


def _tensor(array: NDArray[Any]) -> torch.Tensor:
    """A tensor in C order, which never shares the memory of a read-only buffer."""
    ordered = np.ascontiguousarray(array)
    return torch.from_numpy(ordered if ordered.flags.writeable else ordered.copy())
