from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image

from morph_cl.data.image_folder import build_image_folder
from morph_cl.data.options import ImageFolderOptions
from morph_cl.data.request import DatasetRequest
from morph_cl.errors import DataError


def build(path, **options):
    return build_image_folder(DatasetRequest(path.parent, path=path), ImageFolderOptions(**options))


def save(path, size=(6, 5), mode="RGB", shade=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    bands = len(Image.new(mode, (1, 1)).getbands())
    pixels = np.full((size[1], size[0], bands), shade, dtype=np.uint8)
    Image.fromarray(pixels[..., 0] if bands == 1 else pixels, mode if bands > 1 else "L").save(path)


@pytest.fixture
def flowers(tmp_path):
    """Ten roses of shade 10..19 and five tulips of shade 50..54, undivided."""
    root = tmp_path / "flowers"
    for number in range(10):
        save(root / "rose" / f"{number}.png", shade=10 + number)
    for number in range(5):
        save(root / "tulip" / "wild" / f"{number}.PNG", shade=50 + number)
    return root


def test_class_folders_are_split_class_by_class(flowers):
    data = build(flowers)
    assert data.name == "flowers/"
    assert data.class_names == ("rose", "tulip")
    assert data.input_shape == (3, 5, 6)
    assert Counter(data.train_y.tolist()) == {0: 8, 1: 4}
    assert Counter(data.test_y.tolist()) == {0: 2, 1: 1}
    for x, y in ((data.train_x, data.train_y), (data.test_x, data.test_y)):
        assert torch.equal((x[:, 0, 0, 0] >= 50).long(), y)
    shades = [*data.train_x[:, 0, 0, 0].tolist(), *data.test_x[:, 0, 0, 0].tolist()]
    assert sorted(shades) == [*range(10, 20), *range(50, 55)]
    assert build(flowers).checksum == data.checksum


def test_train_and_test_folders_are_taken_as_they_are(tmp_path):
    for number in range(6):
        save(tmp_path / "own" / "train" / f"class-{number % 2}" / f"{number}.png", shade=number)
    for number in range(2):
        save(tmp_path / "own" / "test" / f"class-{number}" / "0.png", shade=100 + number)
    data = build(tmp_path / "own")
    assert sorted(data.train_x[:, 0, 0, 0].tolist()) == list(range(6))
    assert torch.equal(data.train_x[:, 0, 0, 0].long() % 2, data.train_y)
    assert sorted(data.test_x[:, 0, 0, 0].tolist()) == [100, 101]
    assert data.train_y.tolist() != sorted(data.train_y.tolist())


def test_one_half_without_the_other_is_refused(tmp_path):
    save(tmp_path / "own" / "train" / "a" / "0.png")
    with pytest.raises(DataError, match=r"has a folder 'train' but no folder 'test'.*give .*own/train"):
        build(tmp_path / "own")


def test_a_class_in_one_half_only_is_refused(tmp_path):
    for name in ("train/a", "train/b", "test/a", "test/c"):
        save(tmp_path / "own" / name / "0.png")
    with pytest.raises(DataError, match="class 'c' of the test data is absent"):
        build(tmp_path / "own")


def test_channels_follow_the_images_or_the_option(tmp_path, flowers):
    for number in range(4):
        save(tmp_path / "gray" / f"class-{number % 2}" / f"{number}.png", mode="L", shade=number)
    assert build(tmp_path / "gray").input_shape == (1, 5, 6)
    assert build(tmp_path / "gray", grayscale=False).input_shape == (3, 5, 6)
    assert build(flowers, grayscale=True).input_shape == (1, 5, 6)


def test_an_odd_size_names_the_file_and_both_sizes(flowers):
    save(flowers / "tulip" / "odd.png", size=(7, 5))
    with pytest.raises(DataError, match=r"odd\.png is 7x5 pixels, .*rose.0\.png is 6x5.*image-folder\.size"):
        build(flowers)
    assert build(flowers, size=8).input_shape == (3, 8, 8)


def test_resizing_keeps_the_shade(flowers):
    data = build(flowers, size=3)
    assert torch.equal(data.train_x[:, 0, 0, 0], data.train_x[:, 2, 2, 2])
    assert set(data.train_x.flatten().tolist()) <= {*range(10, 20), *range(50, 55)}


@pytest.mark.parametrize("kept", [0, 8, 30])
def test_an_unreadable_image_is_named(flowers, kept):
    file = flowers / "rose" / "3.png"
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(DataError, match=r"rose.3\.png cannot be read as an image"):
        build(flowers)


def test_damaged_pixels_are_named(tmp_path):
    random = np.random.RandomState(0)
    for number in range(4):
        file = tmp_path / "own" / f"class-{number % 2}" / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.randint(0, 256, (40, 40), dtype=np.uint8)).save(file)
    file.write_bytes(file.read_bytes()[:800])
    with pytest.raises(DataError, match=r"3\.png is damaged"):
        build(tmp_path / "own")


def test_sixteen_bit_images_are_refused(flowers):
    Image.fromarray(np.zeros((5, 6), dtype=np.uint16)).save(flowers / "rose" / "deep.png")
    with pytest.raises(DataError, match=r"deep\.png has pixels of mode 'I;16'"):
        build(flowers)


def test_files_that_are_no_images_are_passed_over(flowers):
    before = build(flowers).checksum
    (flowers / "rose" / "notes.txt").write_text("hello")
    (flowers / "rose" / "._0.png").write_text("a file manager's")
    (flowers / ".git").mkdir()
    assert build(flowers).checksum == before


def test_empty_folders_are_named(flowers, tmp_path):
    (flowers / "lily").mkdir()
    with pytest.raises(DataError, match=r"lily holds no image"):
        build(flowers)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty has no class folders"):
        build(tmp_path / "empty")


def test_one_class_is_refused(tmp_path):
    save(tmp_path / "own" / "a" / "0.png")
    with pytest.raises(DataError, match="the only class is 'a'"):
        build(tmp_path / "own")
