"""A data set of images as four whole tensors."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from morph_cl.errors import DataError
from morph_cl.results.record import DatasetInfo


@dataclass(frozen=True)
class ImageData:
    """Images and labels, training and test, loaded once.

    Args:
        name: the data set's name.
        train_x: (N, C, H, W), uint8 in 0..255 (served to learners as float32 in [0, 1]) or float32 as it is.
        train_y: (N,) int64 in 0..classes-1.
        test_x: (M, C, H, W), of the same type as ``train_x``.
        test_y: (M,) int64.
        class_names: one name a class; its length is the number of classes.

    Raises:
        DataError: shapes, types or labels that do not fit together.
    """

    name: str
    train_x: Tensor
    train_y: Tensor
    test_x: Tensor
    test_y: Tensor
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        for split, x, y in (("train", self.train_x, self.train_y), ("test", self.test_x, self.test_y)):
            if x.ndim != 4 or x.dtype not in (torch.uint8, torch.float32):
                raise DataError(
                    f"data set {self.name!r}: {split} images are {x.dtype} of shape {tuple(x.shape)}; "
                    "give uint8 or float32 of shape (N, C, H, W)."
                )
            if y.shape != (len(x),) or y.dtype != torch.int64 or not len(y):
                raise DataError(
                    f"data set {self.name!r}: {split} labels are {y.dtype} of shape {tuple(y.shape)} "
                    f"for {len(x)} images; give one int64 label an image, and at least one image."
                )
            if int(y.min()) < 0 or int(y.max()) >= self.classes:
                raise DataError(
                    f"data set {self.name!r}: {split} labels run from {int(y.min())} to {int(y.max())}; "
                    f"they must lie in 0..{self.classes - 1}."
                )
            if x.dtype == torch.float32 and not bool(torch.isfinite(x).all()):
                raise DataError(f"data set {self.name!r}: {split} images hold NaN or infinity; remove those images.")
        if self.train_x.shape[1:] != self.test_x.shape[1:] or self.train_x.dtype != self.test_x.dtype:
            raise DataError(
                f"data set {self.name!r}: training images are {tuple(self.train_x.shape[1:])} {self.train_x.dtype}, "
                f"test images {tuple(self.test_x.shape[1:])} {self.test_x.dtype}; they must be alike."
            )

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of an image."""
        channels, height, width = self.train_x.shape[1:]
        return channels, height, width

    @cached_property
    def checksum(self) -> str:
        """SHA-256 over the four tensors, hexadecimal."""
        digest = hashlib.sha256()
        for tensor in (self.train_x, self.train_y, self.test_x, self.test_y):
            digest.update(str(tuple(tensor.shape)).encode())
            digest.update(tensor.contiguous().numpy().data)
        return digest.hexdigest()

    def info(self) -> DatasetInfo:
        """What a record says of this data."""
        return DatasetInfo(
            name=self.name,
            checksum=self.checksum,
            train_size=len(self.train_x),
            test_size=len(self.test_x),
            classes=self.classes,
            input_shape=self.input_shape,
        )
