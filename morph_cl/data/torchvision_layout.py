"""Where torchvision keeps the files of its data sets. Importing this does not import torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from morph_cl.data.request import DatasetRequest
from morph_cl.errors import DataError

IDX_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


@dataclass(frozen=True)
class FileSet:
    """The files of one data set.

    Args:
        name: the data set's name.
        class_name: its class in ``torchvision.datasets``.
        folder: the folder of its files, below the root.
        files: their names.
        gzipped: whether a file may also lie there with ``.gz`` behind its name.
    """

    name: str
    class_name: str
    folder: str
    files: tuple[str, ...]
    gzipped: bool = False

    @property
    def mend(self) -> str:
        """The sentence that says how to get or replace the files."""
        return f"Run `morph-cl data fetch {self.name}` or add --download to get a sound copy."

    def locate(self, root: Path) -> Path:
        """The folder that holds the files.

        Args:
            root: the data root; torchvision's, the data set's own folder in it, or one above it.

        Returns:
            The folder with most of the files, torchvision's own place where none has any.
        """
        return max(self._candidates(root), key=lambda folder: -len(self._missing_in(folder)))

    def path_of(self, folder: Path, file: str) -> Path:
        """The path of one file, the plain one where both the plain and the gzipped one exist.

        Args:
            folder: what :meth:`locate` found.
            file: one of :attr:`files`.

        Returns:
            The path, whether or not it exists.
        """
        plain, gzipped = folder / file, folder / f"{file}.gz"
        return gzipped if self.gzipped and not plain.is_file() and gzipped.is_file() else plain

    def missing(self, root: Path) -> list[Path]:
        """The files that do not exist.

        Args:
            root: the data root.

        Returns:
            Their paths, none where the data set is complete.
        """
        return self._missing_in(self.locate(root))

    def require(self, root: Path) -> None:
        """Refuse an incomplete data set.

        Args:
            root: the data root.

        Raises:
            DataError: files are missing; the message names the first.
        """
        missing = self.missing(root)
        if len(missing) == len(self.files):
            raise DataError(
                f"data set {self.name!r} is not under {root}: there is no {missing[0]}. {self.mend} "
                "Where you have it already, point --data-root or MORPH_CL_DATA at it."
            )
        if missing:
            raise DataError(f"data set {self.name!r} is incomplete: {missing[0]} is missing. {self.mend}")

    def present(self, request: DatasetRequest) -> bool:
        """Whether every file exists.

        Args:
            request: where data may lie.

        Returns:
            True where the data set can be read, as far as can be told without reading it.
        """
        return not self.missing(request.root)

    def _candidates(self, root: Path) -> list[Path]:
        """Torchvision's place first, then one level up and down.

        MNIST's relatives share its file names, so a folder counts only where it or its parent bears a name of
        the set.
        """
        head, *tail = Path(self.folder).parts
        inside = [root.joinpath(*middle, *tail) for middle in ((head,), (self.name, head), (self.name,))]
        flat = [root / head, root / self.name] if tail else []
        own = {head, self.name}
        within = [root.joinpath(*tail), root] if root.name in own else []
        bottom = [root] if tail and root.name == tail[-1] and root.parent.name in own else []
        return [*inside, *flat, *within, *bottom]

    def _missing_in(self, folder: Path) -> list[Path]:
        return [folder / file for file in self.files if not self.path_of(folder, file).is_file()]


MNIST = FileSet("mnist", "MNIST", "MNIST/raw", IDX_FILES, gzipped=True)
FASHION_MNIST = FileSet("fashion-mnist", "FashionMNIST", "FashionMNIST/raw", IDX_FILES, gzipped=True)
KMNIST = FileSet("kmnist", "KMNIST", "KMNIST/raw", IDX_FILES, gzipped=True)
CIFAR10 = FileSet(
    "cifar10",
    "CIFAR10",
    "cifar-10-batches-py",
    (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta"),
)
CIFAR100 = FileSet("cifar100", "CIFAR100", "cifar-100-python", ("train", "test", "meta"))

FILE_SETS = {files.name: files for files in (MNIST, FASHION_MNIST, KMNIST, CIFAR10, CIFAR100)}
"""The file sets by the name of their data set."""

mnist_present = MNIST.present
fashion_mnist_present = FASHION_MNIST.present
kmnist_present = KMNIST.present
cifar10_present = CIFAR10.present
cifar100_present = CIFAR100.present
