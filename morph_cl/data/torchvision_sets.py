"""MNIST, Fashion-MNIST, KMNIST and CIFAR from torchvision's files, checked before they are used."""

from __future__ import annotations

import abc
import hashlib
import http.client
import socket
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from morph_cl.data import torchvision_layout
from morph_cl.data.arrays import Labelled, image_data
from morph_cl.data.idx import read_idx
from morph_cl.data.images import ImageData
from morph_cl.data.request import DatasetRequest
from morph_cl.data.torchvision_layout import FileSet
from morph_cl.errors import DataError

_DOWNLOAD_ERRORS = (RuntimeError, OSError, EOFError, http.client.HTTPException, tarfile.TarError, zlib.error)
_SILENCE_SECONDS = 60.0

_MNIST_MD5 = {
    (60_000, 28, 28): "6bbc9ace898e44ae57da46a324031adb",
    (60_000,): "a25bea736e30d166cdddb491f175f624",
    (10_000, 28, 28): "2646ac647ad5339dbf082846283269ea",
    (10_000,): "27ae3e4e09519cfbb04c329615203637",
}
"""MD5 of MNIST's four plain files, by the shape that each holds. Torchvision lists only the archives'."""


class TorchvisionSet(abc.ABC):
    """A data set whose files torchvision knows how to download.

    Args:
        files: where its files lie.
    """

    def __init__(self, files: FileSet) -> None:
        self.files = files

    @abc.abstractmethod
    def read(self, root: Path) -> ImageData:
        """Read and check the files.

        Args:
            root: the data root.

        Returns:
            The data set.

        Raises:
            DataError: a file is missing, truncated or corrupt; the message names it.
        """

    def build(self, request: DatasetRequest, options: BaseModel) -> ImageData:  # noqa: ARG002 - a builder's signature
        """Read the data set; download it only where that is allowed and the files are missing or damaged.

        Args:
            request: where the files lie and whether they may be downloaded.
            options: none.

        Returns:
            The data set.

        Raises:
            DataError: a file is missing, truncated or corrupt, or the download failed.
        """
        try:
            return self.read(request.root)
        except DataError:
            if not request.download:
                raise
        self._download(request.root)
        return self.read(request.root)

    def fetch(self, request: DatasetRequest) -> None:
        """Download the data set unless a sound copy is there.

        Args:
            request: the root to download to.

        Raises:
            DataError: the download failed or the root cannot be written to.
        """
        try:
            self.read(request.root)
        except DataError:
            self._download(request.root)
            self.read(request.root)

    def _download(self, root: Path) -> None:
        """Download beside the final place and move complete files only: no half file is ever found there."""
        target = self.files.locate(root)
        try:
            root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=root, prefix=".fetch-") as scratch:
                self._download_to(Path(scratch))
                target.mkdir(parents=True, exist_ok=True)
                for file in self.files.files:
                    Path(scratch, self.files.folder, file).replace(target / file)
        except OSError as error:
            raise DataError(
                f"data set {self.files.name!r} cannot be stored in {target}: {error.strerror or error}. "
                "Give another folder by --data-root or MORPH_CL_DATA."
            ) from error

    def _download_to(self, scratch: Path) -> None:
        import torchvision.datasets

        try:
            with _give_up_after(_SILENCE_SECONDS):
                getattr(torchvision.datasets, self.files.class_name)(str(scratch), download=True)
        except _DOWNLOAD_ERRORS as error:
            reason = " ".join(str(error).split())[:300]
            raise DataError(
                f"data set {self.files.name!r} could not be downloaded: {reason} "
                "Check the network, or copy the files from elsewhere and give their folder by --data-root."
            ) from error


class IdxSet(TorchvisionSet):
    """A data set in four idx files.

    Args:
        files: where its files lie.
        class_names: one name a class.
        md5: MD5 of its plain files, by the shape of the array that they hold; a shape that is not listed is
            not checked further than its header.
    """

    def __init__(
        self, files: FileSet, class_names: tuple[str, ...], md5: Mapping[tuple[int, ...], str] | None = None
    ) -> None:
        super().__init__(files)
        self.class_names = class_names
        self.md5 = dict(md5 or {})

    def read(self, root: Path) -> ImageData:  # noqa: D102 - as in the base class
        self.files.require(root)
        folder = self.files.locate(root)
        train_images, train_labels, test_images, test_labels = self.files.files
        train = self._split(folder, train_images, train_labels)
        test = self._split(folder, test_images, test_labels)
        return image_data(self.files.name, train, test, self.class_names)

    def _split(self, folder: Path, images_file: str, labels_file: str) -> Labelled:
        images = self._array(self.files.path_of(folder, images_file), 3)
        labels_path = self.files.path_of(folder, labels_file)
        labels = self._array(labels_path, 1)
        if len(images) != len(labels) or not len(labels):
            raise DataError(
                f"{labels_path} holds {len(labels):,} labels for the {len(images):,} images of {images_file}."
                f" {self.files.mend}"
            )
        if labels.max() >= len(self.class_names):
            raise DataError(f"{labels_path} is corrupt: it holds the label {labels.max()}. {self.files.mend}")
        return images[:, None], labels.astype(np.int64)  # (N, H, W) -> (N, 1, H, W)

    def _array(self, path: Path, ndim: int) -> NDArray[np.uint8]:
        array = read_idx(path, ndim, self.files.mend)
        expected = self.md5.get(array.shape)
        if expected and _md5_of_idx(array) != expected:
            raise DataError(f"{path} is corrupt: its MD5 is not {expected}. {self.files.mend}")
        return array


class CifarSet(TorchvisionSet):
    """CIFAR-10 or CIFAR-100, whose files torchvision checks by their MD5 before it reads them."""

    def read(self, root: Path) -> ImageData:  # noqa: D102 - as in the base class
        import torchvision.datasets

        self.files.require(root)
        folder = self.files.locate(root)
        source = getattr(torchvision.datasets, self.files.class_name)
        try:
            if folder.name != source.base_folder:
                raise RuntimeError(f"rename the folder to {source.base_folder}.")
            train, test = (source(str(folder.parent), train=train) for train in (True, False))
        except (RuntimeError, OSError) as error:
            damaged = self._damaged(source, folder)
            state = f"{damaged} is truncated or corrupt" if damaged else f"{folder} cannot be read: {error}"
            raise DataError(f"{state}. {self.files.mend}") from error
        return image_data(self.files.name, _labelled(train), _labelled(test), tuple(train.classes))

    @staticmethod
    def _damaged(source: Any, folder: Path) -> Path | None:
        """The first file whose MD5 is not the one that torchvision lists."""
        from torchvision.datasets.utils import check_integrity

        expected = [*source.train_list, *source.test_list, (source.meta["filename"], source.meta["md5"])]
        for file, md5 in expected:
            if not check_integrity(str(folder / file), md5):
                return folder / str(file)
        return None


def _labelled(dataset: Any) -> Labelled:
    """Images (N, C, H, W) and classes of a torchvision CIFAR, which keeps them as (N, H, W, C)."""
    return dataset.data.transpose(0, 3, 1, 2), np.asarray(dataset.targets, dtype=np.int64)


def _md5_of_idx(array: NDArray[np.uint8]) -> str:
    """MD5 of the plain idx file of an array, be it read from a plain or a gzipped one."""
    digest = hashlib.md5(bytes((0, 0, 8, array.ndim)), usedforsecurity=False)
    digest.update(np.array(array.shape, dtype=">u4").tobytes())
    digest.update(array.data)
    return digest.hexdigest()


@contextmanager
def _give_up_after(seconds: float) -> Iterator[None]:
    """Give up on a server that is silent for so long; torchvision itself would wait for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


_FASHION = (
    *("t-shirt", "trouser", "pullover", "dress", "coat"),
    *("sandal", "shirt", "sneaker", "bag", "ankle-boot"),
)
_KUZUSHIJI = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")

MNIST = IdxSet(torchvision_layout.MNIST, tuple(str(digit) for digit in range(10)), _MNIST_MD5)
FASHION_MNIST = IdxSet(torchvision_layout.FASHION_MNIST, _FASHION)
KMNIST = IdxSet(torchvision_layout.KMNIST, _KUZUSHIJI)
CIFAR10 = CifarSet(torchvision_layout.CIFAR10)
CIFAR100 = CifarSet(torchvision_layout.CIFAR100)

build_mnist, fetch_mnist = MNIST.build, MNIST.fetch
build_fashion_mnist, fetch_fashion_mnist = FASHION_MNIST.build, FASHION_MNIST.fetch
build_kmnist, fetch_kmnist = KMNIST.build, KMNIST.fetch
build_cifar10, fetch_cifar10 = CIFAR10.build, CIFAR10.fetch
build_cifar100, fetch_cifar100 = CIFAR100.build, CIFAR100.fetch
