"""The paths that a user gives as data sets. Importing this does not import torch."""

from __future__ import annotations

import os
from pathlib import Path

from morph_cl.data.request import DatasetRequest
from morph_cl.errors import DataError

IMAGE_FOLDER = "image-folder"
NPZ = "npz"


def looks_like_path(name: str) -> bool:
    """Whether a data set's name can only be meant as a path.

    Args:
        name: what stands behind ``--dataset``.

    Returns:
        True where it holds a separator, starts with a dot or a tilde, or ends in ``.npz``.
    """
    separators = {os.sep, os.altsep or os.sep}
    return any(mark in name for mark in separators) or name.startswith((".", "~")) or name.lower().endswith(".npz")


def dataset_for_path(path: Path) -> str:
    """Which data set reads a path.

    Args:
        path: a folder or a file.

    Returns:
        The name of a registered data set.

    Raises:
        DataError: the path does not exist, or is a file of another kind.
    """
    if path.is_dir():
        return IMAGE_FOLDER
    if not path.exists():
        raise DataError(f"there is no data set at {path}; give an existing folder of class folders or .npz file.")
    if path.suffix.lower() != ".npz":
        raise DataError(f"{path} is neither a folder of class folders nor an .npz file, the two that can be read.")
    return NPZ


def path_given(request: DatasetRequest) -> bool:
    """Whether the user gave a path.

    Args:
        request: where data may lie.

    Returns:
        True where there is an existing path to read.
    """
    return request.path is not None and request.path.exists()


def required_path(request: DatasetRequest, owner: str) -> Path:
    """The path that the user gave.

    Args:
        request: where data may lie.
        owner: the data set's name, for the message.

    Returns:
        The path.

    Raises:
        DataError: none was given.
    """
    if request.path is None:
        raise DataError(f"data set {owner!r} is read from a path of yours; give that path itself as --dataset.")
    return request.path
