import gzip
import hashlib
import http.server
import pickle
import threading
from functools import partial

import numpy as np
import pytest
import torch
import torchvision.datasets
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from morph_cl.data import torchvision_layout, torchvision_sets
from morph_cl.data.request import DatasetRequest
from morph_cl.errors import DataError
from morph_cl.options import NoOptions

TRAIN_IMAGES = "train-images-idx3-ubyte"


def build(name, root, download=False):
    function = getattr(torchvision_sets, f"build_{name}")
    return function(DatasetRequest(root, download=download), NoOptions())


def test_plain_idx_files_are_read_and_equal_torchvisions_own(mnist_root):
    data = build("mnist", mnist_root)
    own = torchvision.datasets.MNIST(str(mnist_root), train=True)
    assert torch.equal(data.train_x[:, 0], own.data)
    assert torch.equal(data.train_y, own.targets)
    assert data.test_x.shape == (10, 1, 4, 4)
    assert data.class_names == tuple("0123456789")


@pytest.mark.parametrize("below", ["MNIST/raw", "MNIST", "mnist/MNIST/raw", "mnist/raw", "mnist"])
def test_files_a_level_up_or_down_are_found(tmp_path, idx_files, below):
    folder = tmp_path / "data" / below
    folder.mkdir(parents=True)
    for name, content in idx_files().items():
        (folder / name).write_bytes(content)
    for root in (tmp_path / "data", folder):
        request = DatasetRequest(root)
        assert torchvision_layout.mnist_present(request)
        assert not torchvision_layout.fashion_mnist_present(request)
        assert len(build("mnist", root).train_x) == 20


def test_gzipped_files_are_read_and_plain_ones_preferred(mnist_root):
    raw = mnist_root / "MNIST" / "raw"
    checksum = build("mnist", mnist_root).checksum
    for file in list(raw.iterdir()):
        (raw / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
    (raw / TRAIN_IMAGES).unlink()
    (raw / "t10k-labels-idx1-ubyte.gz").write_bytes(b"damaged, but not needed")
    assert torchvision_layout.mnist_present(DatasetRequest(mnist_root))
    assert build("mnist", mnist_root).checksum == checksum


@pytest.mark.parametrize("name", torchvision_layout.IDX_FILES)
def test_a_missing_file_is_named_with_the_mend(mnist_root, name):
    (mnist_root / "MNIST" / "raw" / name).unlink()
    assert not torchvision_layout.mnist_present(DatasetRequest(mnist_root))
    with pytest.raises(DataError, match=rf"{name} is missing.*`morph-cl data fetch mnist`.*--download"):
        build("mnist", mnist_root)


@pytest.mark.parametrize("name", torchvision_layout.IDX_FILES)
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kept=st.floats(0, 0.99))
def test_a_truncated_file_is_named_with_the_mend(mnist_root, name, kept):
    file = mnist_root / "MNIST" / "raw" / name
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * kept)])
    try:
        with pytest.raises(DataError, match=rf"{name} is truncated.*`morph-cl data fetch mnist`"):
            build("mnist", mnist_root)
    finally:
        file.write_bytes(content)


def test_labels_that_do_not_fit_are_refused(mnist_root, idx_files):
    raw = mnist_root / "MNIST" / "raw"
    labels = raw / "train-labels-idx1-ubyte"
    sound = labels.read_bytes()
    labels.write_bytes(sound[:-1] + bytes([10]))
    with pytest.raises(DataError, match=r"train-labels-idx1-ubyte is corrupt: it holds the label 10"):
        build("mnist", mnist_root)
    labels.write_bytes(idx_files(train=19)["train-labels-idx1-ubyte"])
    with pytest.raises(DataError, match=r"19 labels for the 20 images"):
        build("mnist", mnist_root)


def test_a_file_of_known_size_is_checked_by_its_md5(mnist_root, monkeypatch):
    file = mnist_root / "MNIST" / "raw" / TRAIN_IMAGES
    md5 = hashlib.md5(file.read_bytes()).hexdigest()
    monkeypatch.setattr(torchvision_sets.MNIST, "md5", {(20, 4, 4): md5})
    assert len(build("mnist", mnist_root).train_x) == 20
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(DataError, match=rf"{TRAIN_IMAGES} is corrupt: its MD5 is not {md5}"):
        build("mnist", mnist_root)


@pytest.fixture
def server(tmp_path, idx_files, monkeypatch):
    """A folder that torchvision downloads a tiny KMNIST from."""
    folder = tmp_path / "server"
    folder.mkdir()
    resources = []
    for name, content in idx_files().items():
        packed = gzip.compress(content)
        (folder / f"{name}.gz").write_bytes(packed)
        resources.append((f"{name}.gz", hashlib.md5(packed).hexdigest()))
    monkeypatch.setattr(torchvision.datasets.KMNIST, "resources", resources)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as listener:
        thread = threading.Thread(target=listener.serve_forever)
        thread.start()
        monkeypatch.setattr(torchvision.datasets.KMNIST, "mirrors", [f"http://127.0.0.1:{listener.server_port}/"])
        yield folder
        listener.shutdown()
        thread.join()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def test_nothing_is_downloaded_unasked(server, tmp_path):
    with pytest.raises(DataError, match="data set 'kmnist' is not under"):
        build("kmnist", tmp_path / "root")
    assert not (tmp_path / "root").exists()


def test_download_on_request_and_by_fetch(server, tmp_path):
    assert len(build("kmnist", tmp_path / "a", download=True).train_x) == 20
    torchvision_sets.fetch_kmnist(DatasetRequest(tmp_path / "b"))
    assert len(build("kmnist", tmp_path / "b").train_x) == 20
    found = sorted(file.name for file in (tmp_path / "b").rglob("*") if file.is_file())
    assert found == sorted(torchvision_layout.IDX_FILES)
    assert not any(child.name.startswith(".") for child in (tmp_path / "b").iterdir())


def test_fetch_replaces_a_truncated_file_where_it_lies(server, tmp_path):
    torchvision_sets.fetch_kmnist(DatasetRequest(tmp_path / "kmnist"))
    file = tmp_path / "kmnist" / "KMNIST" / "raw" / TRAIN_IMAGES
    sound = file.read_bytes()
    file.write_bytes(sound[:100])
    with pytest.raises(DataError, match="truncated"):
        build("kmnist", tmp_path / "kmnist")
    torchvision_sets.fetch_kmnist(DatasetRequest(tmp_path / "kmnist"))
    assert file.read_bytes() == sound


def test_fetch_leaves_a_sound_copy_alone(server, tmp_path, monkeypatch):
    request = DatasetRequest(tmp_path / "root")
    torchvision_sets.fetch_kmnist(request)
    monkeypatch.setattr(torchvision.datasets.KMNIST, "mirrors", ["http://127.0.0.1:9/"])
    torchvision_sets.fetch_kmnist(request)


@pytest.mark.parametrize("failure", ["offline", "wrong content"])
def test_a_failed_download_is_one_line_and_leaves_nothing(server, tmp_path, monkeypatch, failure):
    if failure == "offline":
        monkeypatch.setattr(torchvision.datasets.KMNIST, "mirrors", ["http://127.0.0.1:9/", "file:///nowhere/"])
    else:
        (server / "train-labels-idx1-ubyte.gz").write_bytes(b"an error page")
    with pytest.raises(DataError, match="'kmnist' could not be downloaded") as caught:
        torchvision_sets.fetch_kmnist(DatasetRequest(tmp_path / "root"))
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "root").iterdir()) == []


def test_a_root_that_cannot_be_written_to_is_named(server, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"cannot be stored in .*file"):
        torchvision_sets.fetch_kmnist(DatasetRequest(tmp_path / "file" / "root"))


@pytest.fixture
def cifar_root(tmp_path, monkeypatch):
    """A tiny CIFAR-10 whose MD5s torchvision is made to expect."""
    folder = tmp_path / "root" / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    random = np.random.RandomState(0)
    source = torchvision.datasets.CIFAR10

    def write(name, content):
        (folder / name).write_bytes(pickle.dumps(content))
        return [name, hashlib.md5((folder / name).read_bytes()).hexdigest()]

    def batch():
        return {"data": random.randint(0, 256, (10, 3072)).astype(np.uint8), "labels": list(range(10))}

    train = [write(name, batch()) for name, _ in source.train_list]
    monkeypatch.setattr(source, "train_list", train)
    monkeypatch.setattr(source, "test_list", [write("test_batch", batch())])
    name, md5 = write("batches.meta", {"label_names": [f"class {n}" for n in range(10)]})
    monkeypatch.setattr(source, "meta", {"filename": name, "key": "label_names", "md5": md5})
    return tmp_path / "root"


def test_cifar_is_read_channels_first(cifar_root):
    data = build("cifar10", cifar_root)
    first = pickle.loads((cifar_root / "cifar-10-batches-py" / "data_batch_1").read_bytes())["data"][0]
    assert data.train_x.shape == (50, 3, 32, 32)
    assert torch.equal(data.train_x[0].flatten(), torch.from_numpy(first))
    assert data.class_names[3] == "class 3"
    assert torchvision_layout.cifar10_present(DatasetRequest(cifar_root))
    assert len(build("cifar10", cifar_root / "cifar-10-batches-py").test_x) == 10


@pytest.mark.parametrize("name", ["data_batch_4", "test_batch", "batches.meta"])
def test_a_damaged_or_missing_cifar_file_is_named(cifar_root, name):
    file = cifar_root / "cifar-10-batches-py" / name
    file.write_bytes(file.read_bytes()[:50])
    with pytest.raises(DataError, match=rf"{name} is truncated or corrupt.*`morph-cl data fetch cifar10`"):
        build("cifar10", cifar_root)
    file.unlink()
    with pytest.raises(DataError, match=rf"{name} is missing.*`morph-cl data fetch cifar10`"):
        build("cifar10", cifar_root)


@pytest.mark.parametrize("files", torchvision_layout.FILE_SETS.values(), ids=lambda files: files.name)
def test_the_layout_is_torchvisions(files):
    source = getattr(torchvision.datasets, files.class_name)
    if files.gzipped:
        assert sorted(f"{name}.gz" for name in files.files) == sorted(name for name, _ in source.resources)
        assert files.folder == f"{source.__name__}/raw"
    else:
        listed = [name for name, _ in [*source.train_list, *source.test_list]]
        assert sorted(files.files) == sorted([*listed, source.meta["filename"]])
        assert files.folder == source.base_folder
