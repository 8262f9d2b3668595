"""A user's folder of class folders of images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from morph_cl.data.arrays import encode_labels, image_data, split_image_data
from morph_cl.data.images import ImageData
from morph_cl.data.options import ImageFolderOptions
from morph_cl.data.request import DatasetRequest
from morph_cl.data.splitting import fixed_order
from morph_cl.data.user_paths import IMAGE_FOLDER, required_path
from morph_cl.errors import DataError

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
"""What the name of an image ends in, in either case; every other file is passed over."""

_GRAY_MODES = frozenset({"1", "L", "LA"})
_COLOUR_MODES = frozenset({"P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "LAB"})
_UNREADABLE = (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError)


@dataclass(frozen=True)
class _Found:
    """An image file, its class, and what its header says."""

    path: Path
    label: str
    size: tuple[int, int]
    mode: str


def build_image_folder(request: DatasetRequest, options: ImageFolderOptions) -> ImageData:
    """Read a folder of images, one folder a class.

    ``train`` and ``test`` folders are taken as they are; where there is neither, a fixed fifth of each class
    becomes test data.

    Args:
        request: ``path`` is the folder.
        options: the size and the channels to read the images in.

    Returns:
        The data set, uint8, one or three channels, classes in the order of their folders' names.

    Raises:
        DataError: no images, an unreadable one, or images of several sizes; the message names the file.
    """
    root = required_path(request, IMAGE_FOLDER)
    halves = [root / half for half in ("train", "test")]
    divided = [half.is_dir() for half in halves]
    if any(divided) and not all(divided):
        there, absent = (0, 1) if divided[0] else (1, 0)
        raise DataError(
            f"{root} has a folder {halves[there].name!r} but no folder {halves[absent].name!r}; "
            f"add it, or give {halves[there]} to have a fifth of each class held out."
        )
    groups = [_find(folder) for folder in (halves if all(divided) else [root])]
    everything = [found for group in groups for found in group]
    size = _common_size(everything, options.size)
    gray = _is_gray(everything) if options.grayscale is None else options.grayscale
    images = [_read(group, size, gray) for group in groups]
    labels = [np.array([found.label for found in group]) for group in groups]
    name = f"{root.resolve().name}/"
    train_y, test_y, names = encode_labels(name, labels[0], labels[1] if len(groups) > 1 else None)
    if test_y is None:
        return split_image_data(name, images[0], train_y, names)
    # Files are found class by class: a learner that takes them in order must not meet the classes one by one.
    order, test_order = fixed_order(len(train_y)), fixed_order(len(test_y))
    return image_data(name, (images[0][order], train_y[order]), (images[1][test_order], test_y[test_order]), names)


def _find(folder: Path) -> list[_Found]:
    """Every image below the class folders of a folder, in the order of their paths."""
    classes = sorted(child for child in folder.iterdir() if child.is_dir() and not child.name.startswith((".", "__")))
    if not classes:
        raise DataError(f"{folder} has no class folders; put the images of each class into a folder of its own.")
    found: list[_Found] = []
    for class_folder in classes:
        images = sorted(
            file
            for file in class_folder.rglob("*")
            if file.suffix.lower() in SUFFIXES and not file.name.startswith(".") and file.is_file()
        )
        if not images:
            raise DataError(f"{class_folder} holds no image ({', '.join(sorted(SUFFIXES))}); add some or remove it.")
        found.extend(_look_at(file, class_folder.name) for file in images)
    return found


def _look_at(file: Path, label: str) -> _Found:
    """Read an image's header."""
    try:
        with Image.open(file) as image:
            found = _Found(file, label, image.size, image.mode)
    except _UNREADABLE as error:
        raise DataError(f"{file} cannot be read as an image; replace or remove it.") from error
    if found.mode not in _GRAY_MODES | _COLOUR_MODES:
        raise DataError(f"{file} has pixels of mode {found.mode!r}; convert it to 8 bits a channel.")
    return found


def _common_size(everything: Sequence[_Found], size: int | None) -> tuple[int, int]:
    """(width, height) of every image once it is read."""
    if size is not None:
        return size, size
    first = everything[0]
    for found in everything:
        if found.size != first.size:
            raise DataError(
                f"{found.path} is {_by(found.size)} pixels, {first.path} is {_by(first.size)}; all images "
                "must have one size. Add -o image-folder.size=32 to resize them all to 32x32."
            )
    return first.size


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _is_gray(everything: Sequence[_Found]) -> bool:
    return all(found.mode in _GRAY_MODES for found in everything)


def _read(group: Sequence[_Found], size: tuple[int, int], gray: bool) -> NDArray[np.uint8]:
    """The pixels of the images, (N, C, H, W)."""
    width, height = size
    pixels = np.empty((len(group), 1 if gray else 3, height, width), dtype=np.uint8)
    for row, found in enumerate(group):
        try:
            with Image.open(found.path) as image:
                converted = image.convert("L" if gray else "RGB")
        except _UNREADABLE as error:
            raise DataError(f"{found.path} is damaged: its pixels cannot be read; replace or remove it.") from error
        if converted.size != size:
            converted = converted.resize(size, Image.Resampling.BILINEAR)
        array = np.asarray(converted)
        pixels[row] = array if gray else array.transpose(2, 0, 1)  # (H, W, 3) -> (3, H, W)
    return pixels
