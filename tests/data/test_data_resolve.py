import subprocess
import sys

import numpy as np
import pytest

from morph_cl.catalog import Catalog
from morph_cl.data import plugin, torchvision_layout
from morph_cl.data.resolve import dataset_status, fetch_dataset, resolve_dataset
from morph_cl.errors import DataError, PluginError, UnknownNameError, UsageError
from morph_cl.hookspecs import hookimpl
from morph_cl.host import PluginHost, Source
from morph_cl.registry import Provider
from morph_cl.specs import DatasetSpec


def save_npz(path, classes=2):
    np.savez(path, x=np.zeros((12, 4, 4), np.uint8), y=np.arange(12) % classes)
    return path


def catalog_with(*specs):
    """The bundled data sets and a third party's."""

    class Foreign:
        @hookimpl
        def register_datasets(self):
            return specs

    sources = [
        Source(Provider("data", "morph-cl", "0", bundled=True), lambda: plugin),
        Source(Provider("foreign", "foreign-dist", "2"), Foreign),
    ]
    return Catalog(PluginHost(sources, strict=True))


def test_nothing_here_imports_torch():
    code = (
        "import morph_cl.data.resolve, morph_cl.data.plugin, sys\n"
        "from pathlib import Path\n"
        "from morph_cl.catalog import Catalog\n"
        "from morph_cl.host import PluginHost, Source\n"
        "from morph_cl.registry import Provider\n"
        "provider = Provider('data', 'morph-cl', '0', True)\n"
        "catalog = Catalog(PluginHost([Source(provider, lambda: morph_cl.data.plugin)], strict=True))\n"
        "morph_cl.data.resolve.dataset_status(catalog, Path('.'))\n"
        "morph_cl.data.resolve.resolve_dataset('auto', catalog)\n"
        "assert not {'torch', 'torchvision', 'avalanche', 'sklearn'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_auto_takes_full_mnist_where_it_is(catalog, mnist_root, monkeypatch):
    assert resolve_dataset("auto", catalog, root=mnist_root).name == "mnist"
    monkeypatch.setenv("MORPH_CL_DATA", str(mnist_root))
    assert resolve_dataset("auto", catalog).load().info().train_size == 20


def test_auto_takes_the_embedded_digits_elsewhere(catalog, tmp_path):
    assert resolve_dataset("auto", catalog).name == "mnist-5k"
    choice = resolve_dataset("auto", catalog, root=tmp_path)
    assert choice.load().info().train_size == 4000


def test_auto_with_download_means_full_mnist(catalog, tmp_path):
    assert resolve_dataset("auto", catalog, root=tmp_path, download=True).name == "mnist"


def test_auto_names_the_missing_file_of_half_a_mnist(catalog, mnist_root):
    (mnist_root / "MNIST" / "raw" / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte is missing.*`morph-cl data fetch mnist`"):
        resolve_dataset("auto", catalog, root=mnist_root)


def test_auto_refuses_a_root_that_was_named_and_does_not_exist(catalog, tmp_path):
    with pytest.raises(DataError, match=r"data root .*typo is not a folder"):
        resolve_dataset("auto", catalog, root=tmp_path / "typo")


def test_absent_data_is_refused_before_it_is_loaded(catalog, tmp_path):
    with pytest.raises(DataError, match=r"'cifar10' is not under .*`morph-cl data fetch cifar10`.*--download"):
        resolve_dataset("cifar10", catalog, root=tmp_path)
    assert resolve_dataset("cifar10", catalog, root=tmp_path, download=True).request.download


def test_unknown_names_get_a_suggestion(catalog):
    with pytest.raises(UnknownNameError, match="Did you mean 'mnist'"):
        resolve_dataset("mnits", catalog)


def test_qualified_names_are_found(catalog):
    assert resolve_dataset("data:digits", catalog).name == "digits"


def test_an_npz_file_is_a_data_set(catalog, tmp_path):
    choice = resolve_dataset(str(save_npz(tmp_path / "own.npz")), catalog)
    assert choice.entry.spec.name == "npz"
    assert choice.load().name == "own.npz"


def test_relative_paths_outlive_a_change_of_folder(catalog, tmp_path, monkeypatch):
    save_npz(tmp_path / "own.npz")
    monkeypatch.chdir(tmp_path)
    choice = resolve_dataset("own.npz", catalog)
    monkeypatch.chdir("/")
    assert choice.load().classes == 2


def test_a_folder_is_a_data_set_and_a_registered_name_goes_first(catalog, tmp_path, monkeypatch):
    (tmp_path / "flowers").mkdir()
    (tmp_path / "digits").mkdir()
    monkeypatch.chdir(tmp_path)
    assert resolve_dataset("flowers", catalog).entry.spec.name == "image-folder"
    assert resolve_dataset("digits", catalog).entry.spec.name == "digits"
    choice = resolve_dataset("./digits", catalog)
    assert choice.entry.spec.name == "image-folder"
    assert choice.request.path == tmp_path / "digits"


@pytest.mark.parametrize("name", ["./nowhere", "nowhere.npz", "no/where", "~/no-such-folder-of-mine"])
def test_a_path_that_does_not_exist_is_called_one(catalog, name):
    with pytest.raises(DataError, match="there is no data set at"):
        resolve_dataset(name, catalog)


def test_a_file_of_another_kind_is_refused(catalog, tmp_path):
    (tmp_path / "own.csv").write_text("1,2")
    with pytest.raises(DataError, match=r"own\.csv is neither a folder"):
        resolve_dataset(str(tmp_path / "own.csv"), catalog)


@pytest.mark.parametrize("name", ["npz", "image-folder"])
def test_a_reader_without_a_path_is_refused(catalog, name):
    with pytest.raises(DataError, match="give the path of your own data as --dataset"):
        resolve_dataset(name, catalog)


def test_options_reach_the_reader_and_are_checked(catalog, tmp_path):
    path = str(save_npz(tmp_path / "own.npz"))
    choice = resolve_dataset(path, catalog, options={"npz": {"layout": "NHWC"}, "replay": {"mem_size": 5}})
    assert choice.options.model_dump() == {"layout": "NHWC", "shape": None}
    with pytest.raises(UnknownNameError, match="option of npz 'layuot'"):
        resolve_dataset(path, catalog, options={"npz": {"layuot": "NHWC"}})
    with pytest.raises(UsageError, match=r"npz\.layout='HCW'"):
        resolve_dataset(path, catalog, options={"npz": {"layout": "HCW"}})


def test_data_is_read_once_until_its_file_or_options_change(catalog, tmp_path):
    path = tmp_path / "own.npz"
    np.savez(path, x=np.zeros((12, 6), np.uint8), y=np.arange(12) % 2)
    first = resolve_dataset(str(path), catalog).load()
    assert resolve_dataset(str(path), catalog).load() is first
    shaped = resolve_dataset(str(path), catalog, options={"npz": {"shape": [1, 2, 3]}}).load()
    assert shaped.input_shape == (1, 2, 3)
    save_npz(path, classes=3)
    assert resolve_dataset(str(path), catalog).load().classes == 3


def test_a_foreign_builder_that_fails_is_named():
    def broken(request, options):
        raise KeyError("pixels")

    catalog = catalog_with(
        DatasetSpec(name="broken", build=broken, summary="s"),
        DatasetSpec(name="nonsense", build=lambda request, options: 5, summary="s"),
    )
    with pytest.raises(PluginError, match=r"'broken' of plugin foreign \(foreign-dist 2\) failed: KeyError"):
        resolve_dataset("broken", catalog).load()
    with pytest.raises(PluginError, match=r"'nonsense' .* returned int"):
        resolve_dataset("nonsense", catalog).load()


def test_a_foreign_data_set_may_be_absent_and_fetched(tmp_path):
    fetched = []
    catalog = catalog_with(
        DatasetSpec(
            name="remote",
            build="foreign.module:build",
            summary="s",
            present=lambda request: bool(fetched),
            fetch=fetched.append,
        ),
        DatasetSpec(name="sold", build="foreign.module:build", summary="s", present=lambda request: False),
        DatasetSpec(name="faulty", build="foreign.module:build", summary="s", present=lambda request: 1 / 0),
    )
    with pytest.raises(DataError, match="`morph-cl data fetch remote`"):
        resolve_dataset("remote", catalog)
    with pytest.raises(DataError, match=r"foreign \(foreign-dist 2\) offers no download"):
        resolve_dataset("sold", catalog)
    assert fetch_dataset("remote", catalog, tmp_path) == tmp_path
    assert [request.root for request in fetched] == [tmp_path]
    assert resolve_dataset("remote", catalog).name == "remote"
    status = {line.name: line for line in dataset_status(catalog, tmp_path)}
    assert status["remote"].present
    assert not status["faulty"].present
    assert "ZeroDivisionError" in status["faulty"].where


def test_status_tells_what_is_here(catalog, mnist_root):
    status = {line.name: line for line in dataset_status(catalog, mnist_root)}
    assert sorted(status) == sorted(catalog.datasets.names())
    assert status["mnist"] == ("mnist", True, str(mnist_root / "MNIST" / "raw"))
    assert status["mnist-5k"] == ("mnist-5k", True, "comes with the installation")
    assert not status["cifar100"].present
    assert "`morph-cl data fetch cifar100`" in status["cifar100"].where
    assert not status["npz"].present
    (mnist_root / "MNIST" / "raw" / "train-labels-idx1-ubyte").unlink()
    line = {line.name: line for line in dataset_status(catalog, mnist_root)}["mnist"]
    assert not line.present
    assert "incomplete: " in line.where


@pytest.mark.parametrize("name", ["auto", "digits", "npz", "./own.npz"])
def test_what_cannot_be_fetched_is_refused(catalog, tmp_path, name):
    with pytest.raises(UsageError, match="cifar10, cifar100, cifar100-fish-flowers, fashion-mnist, kmnist, mnist"):
        fetch_dataset(name, catalog, tmp_path)


def test_every_record_can_be_resolved(catalog):
    for entry in catalog.datasets:
        assert callable(entry.spec.resolve())
    for files in torchvision_layout.FILE_SETS.values():
        assert catalog.datasets.get(files.name).spec.fetch is not None
