"""cifar100-fish-flowers: six classes of a CIFAR-100 in miniature."""

from __future__ import annotations

import hashlib
import pickle

import numpy as np
import pytest
import torch
import torchvision.datasets
from hypothesis import given
from hypothesis import strategies as st

from morph_cl.data.fish_flowers import FISH_FLOWERS, build_fish_flowers, keep_classes
from morph_cl.data.images import ImageData
from morph_cl.data.request import DatasetRequest
from morph_cl.errors import DataError
from morph_cl.options import NoOptions

NAMES = sorted([*FISH_FLOWERS, "apple", "bear"])


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A CIFAR-100 of eight classes, three training images and one test image each, whose MD5s torchvision expects."""
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    source = torchvision.datasets.CIFAR100
    random = np.random.RandomState(0)

    def write(name, content):
        (folder / name).write_bytes(pickle.dumps(content))
        return [name, hashlib.md5((folder / name).read_bytes()).hexdigest()]

    def split(count):
        labels = list(range(len(NAMES))) * count
        images = random.randint(0, 256, (len(labels), 3072)).astype(np.uint8)
        images[:, 0] = labels
        return {"data": images, "fine_labels": labels}

    monkeypatch.setattr(source, "train_list", [write("train", split(3))])
    monkeypatch.setattr(source, "test_list", [write("test", split(1))])
    name, md5 = write("meta", {"fine_label_names": NAMES})
    monkeypatch.setattr(source, "meta", {"filename": name, "key": "fine_label_names", "md5": md5})
    return tmp_path


def test_keeps_fish_at_even_and_flowers_at_odd_labels(root):
    data = build_fish_flowers(DatasetRequest(root), NoOptions())
    assert (data.name, data.class_names) == ("cifar100-fish-flowers", FISH_FLOWERS)
    assert data.class_names[::2] == ("aquarium_fish", "crab", "shark")
    assert (len(data.train_x), len(data.test_x), data.input_shape) == (18, 6, (3, 32, 32))
    names_by_pixel = [NAMES[pixel] for pixel in data.train_x[:, 0, 0, 0].tolist()]
    assert names_by_pixel == [FISH_FLOWERS[label] for label in data.train_y.tolist()]


def test_is_offered_as_a_data_set_and_missing_files_are_named(catalog, tmp_path):
    spec = catalog.datasets.get("cifar100-fish-flowers").spec
    with pytest.raises(DataError, match="`morph-cl data fetch cifar100`"):
        spec.resolve()(DatasetRequest(tmp_path), NoOptions())


def test_a_class_that_is_not_there_is_refused():
    x, y = torch.zeros(2, 1, 2, 2, dtype=torch.uint8), torch.tensor([0, 1])
    with pytest.raises(DataError, match=r"no class 'tulip'; it has a, b"):
        keep_classes(ImageData("small", x, y, x, y, ("a", "b")), "part", ["a", "tulip"])


@given(order=st.permutations(range(4)), count=st.integers(1, 4))
def test_labels_follow_the_names(order, count):
    y = torch.arange(4).repeat(3)
    x = y[:, None, None, None].to(torch.uint8)
    kept = [f"class {number}" for number in order[:count]]
    part = keep_classes(ImageData("whole", x, y, x, y, tuple(f"class {n}" for n in range(4))), "part", kept)
    assert len(part.train_x) == 3 * count
    assert [f"class {int(pixel)}" for pixel in part.train_x.flatten()] == [kept[label] for label in part.train_y]
