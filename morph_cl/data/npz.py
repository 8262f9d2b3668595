"""A user's .npz file of images and labels."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morph_cl.data.arrays import encode_labels, image_data, split_image_data
from morph_cl.data.images import ImageData
from morph_cl.data.options import NpzOptions
from morph_cl.data.request import DatasetRequest
from morph_cl.data.user_paths import NPZ, required_path
from morph_cl.errors import DataError

_DIVIDED = ("x_train", "y_train", "x_test", "y_test")
_UNDIVIDED = ("x", "y")
_CHANNELS = (1, 3, 4)
_BROKEN = (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error)


def build_npz(request: DatasetRequest, options: NpzOptions) -> ImageData:
    """Read ``x_train``, ``y_train``, ``x_test``, ``y_test`` or ``x``, ``y`` from an .npz file.

    x is (N, H, W), (N, H, W, C), (N, C, H, W) or (N, D), uint8 or floats in [0, 1]; y is (N,) or (N, 1),
    integers or texts, numbered in sorted order. Undivided data has a fixed fifth of each class held out
    as test data.

    Args:
        request: ``path`` is the file.
        options: how to read a four-dimensional or a two-dimensional x.

    Returns:
        The data set, uint8 or float32.

    Raises:
        DataError: an array is missing, unreadable, of the wrong type or shape; the message names it.
    """
    path = required_path(request, NPZ)
    arrays = _load(path)
    x = {key: _as_pixels(arrays[key], f"{key} of {path}") for key in arrays if key.startswith("x")}
    y = {key: _as_labels(arrays[key], f"{key} of {path}") for key in arrays if key.startswith("y")}
    _check_together(x, y, path)
    images = {key: _as_images(value, options, f"{key} of {path}") for key, value in x.items()}
    if "x" in images:
        train_y, _, names = encode_labels(path.name, y["y"], None)
        return split_image_data(path.name, images["x"], train_y, names)
    train_y, test_y, names = encode_labels(path.name, y["y_train"], y["y_test"])
    assert test_y is not None
    return image_data(path.name, (images["x_train"], train_y), (images["x_test"], test_y), names)


def _load(path: Path) -> dict[str, NDArray[Any]]:
    """The four or two arrays of the file; nothing is unpickled."""
    try:
        with np.load(path, allow_pickle=False) as file:
            keys = _keys(path, list(file.files))
            return {key: _member(path, file, key) for key in keys}
    except _BROKEN as error:
        raise DataError(f"{path} is no sound .npz file; write it anew with numpy.savez.") from error


def _keys(path: Path, found: list[str]) -> tuple[str, ...]:
    for keys in (_DIVIDED, _UNDIVIDED):
        if all(key in found for key in keys):
            return keys
    has = ", ".join(sorted(found)) or "nothing"
    raise DataError(f"{path} holds {has}; it must hold x_train, y_train, x_test and y_test, or x and y.")


def _member(path: Path, file: Mapping[str, NDArray[Any]], key: str) -> NDArray[Any]:
    try:
        return file[key]
    except ValueError as error:
        raise DataError(
            f"{key} of {path} cannot be read: it holds Python objects or is damaged; save a plain array."
        ) from error


def _as_pixels(x: NDArray[Any], where: str) -> NDArray[Any]:
    """Take x as uint8 or float32.

    Raises:
        DataError: another type, or floats outside [0, 1].
    """
    if x.ndim not in (2, 3, 4) or 0 in x.shape:
        raise DataError(
            f"{where} has the shape {x.shape}; give (N, H, W), (N, H, W, C), (N, C, H, W) or (N, D), none of them 0."
        )
    if x.dtype == np.uint8:
        return x
    if x.dtype.kind != "f":
        raise DataError(f"{where} is {x.dtype}; give uint8 in 0..255 or floats in [0, 1].")
    low, high = float(x.min()), float(x.max())
    if not (low >= 0 and high <= 1):  # written so that NaN is refused as well
        raise DataError(f"{where} runs from {low:g} to {high:g}; floats must lie in [0, 1].")
    return x.astype(np.float32)


def _as_labels(y: NDArray[Any], where: str) -> NDArray[Any]:
    """Take y as (N,) integers or texts."""
    flat = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if flat.ndim != 1 or flat.dtype.kind not in "iubUS":
        raise DataError(f"{where} is {y.dtype} of shape {y.shape}; give one integer or text an image, shape (N,).")
    return np.char.decode(flat, "utf-8", "replace") if flat.dtype.kind == "S" else flat


def _check_together(x: Mapping[str, NDArray[Any]], y: Mapping[str, NDArray[Any]], path: Path) -> None:
    """Refuse arrays that do not fit each other."""
    for key, images in x.items():
        labels = y["y" + key[1:]]
        if len(images) != len(labels):
            raise DataError(f"{key} of {path} has {len(images)} images for {len(labels)} labels; give one each.")
    if "x_train" in x:
        train, test = x["x_train"], x["x_test"]
        if (train.shape[1:], train.dtype) != (test.shape[1:], test.dtype):
            raise DataError(
                f"x_train of {path} is {train.dtype} {train.shape[1:]}, x_test {test.dtype} {test.shape[1:]}"
                "; they must be alike."
            )
        if (y["y_train"].dtype.kind == "U") != (y["y_test"].dtype.kind == "U"):
            raise DataError(f"one of y_train and y_test of {path} holds texts, the other integers; make them alike.")


def _as_images(x: NDArray[Any], options: NpzOptions, where: str) -> NDArray[Any]:
    """Take x as (N, C, H, W)."""
    if x.ndim == 3:
        return x[:, None]
    if x.ndim == 2:
        return x.reshape(len(x), *_shape_of_rows(x.shape[1], options.shape, where))
    layout = _layout(x.shape, where) if options.layout == "auto" else options.layout
    return x.transpose(0, 3, 1, 2) if layout == "NHWC" else x


def _shape_of_rows(length: int, shape: tuple[int, int, int] | None, where: str) -> tuple[int, int, int]:
    """(C, H, W) of a row of pixels."""
    if shape is None:
        side = math.isqrt(length)
        return (1, side, side) if side * side == length else (1, 1, length)
    if math.prod(shape) != length:
        raise DataError(f"{where} has rows of {length} values, which do not make images of npz.shape={list(shape)}.")
    return shape


def _layout(shape: tuple[int, ...], where: str) -> str:
    """Which axis holds the channels, where only one can."""
    first, last = shape[1] in _CHANNELS, shape[3] in _CHANNELS
    if first == last:
        raise DataError(
            f"{where} has the shape {shape}, in which the channels cannot be told; "
            "add -o npz.layout=NCHW or -o npz.layout=NHWC."
        )
    return "NCHW" if first else "NHWC"
