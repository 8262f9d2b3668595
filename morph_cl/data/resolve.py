"""From what the user wrote behind ``--dataset`` to the data. Importing this does not import torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel

from morph_cl.catalog import Catalog
from morph_cl.data.request import DatasetRequest, default_data_root
from morph_cl.data.torchvision_layout import FILE_SETS, MNIST
from morph_cl.data.user_paths import dataset_for_path, looks_like_path
from morph_cl.errors import DataError, MorphClError, PluginError, UnknownNameError, UsageError
from morph_cl.options import validate_options
from morph_cl.registry import Entry
from morph_cl.specs import Builder, DatasetSpec, import_attribute

if TYPE_CHECKING:
    from morph_cl.data.images import ImageData

AUTO = "auto"
EMBEDDED = "mnist-5k"
_HELD = 4


@dataclass(frozen=True)
class DatasetChoice:
    """A data set, chosen and checked as far as can be done without reading it.

    Args:
        name: what to call it: a registered name (never ``auto``) or the user's path.
        entry: the record that reads it and who offers that.
        request: where the data lies.
        options: its validated options.
    """

    name: str
    entry: Entry[DatasetSpec]
    request: DatasetRequest
    options: BaseModel

    def load(self) -> ImageData:
        """Read the data; a second call in the same process, for unchanged files, gives the same tensors.

        Returns:
            The data set.

        Raises:
            DataError: a file is missing, truncated, corrupt or of the wrong form.
            PluginError: a third party's builder failed or returned something else.
        """
        key = self.options.model_dump_json()
        return _load(_Reading(self.entry.spec, self.request, key, _state_of(self.request.path), self))


@dataclass(frozen=True)
class _Reading:
    """What decides whether data read before can be used again."""

    spec: DatasetSpec
    request: DatasetRequest
    options: str
    state: tuple[int, int]
    choice: DatasetChoice = field(compare=False)


@lru_cache(maxsize=_HELD)
def _load(reading: _Reading) -> ImageData:
    from morph_cl.data.images import ImageData

    choice = reading.choice
    owner = f"data set {choice.name!r} of plugin {choice.entry.provider}"
    try:
        data = reading.spec.resolve()(reading.request, choice.options)
    except MorphClError:
        raise
    # A builder may be foreign code: say whose it is, whatever it raises.
    except Exception as error:
        raise PluginError(f"{owner} failed: {type(error).__name__}: {error}") from error
    if not isinstance(data, ImageData):
        raise PluginError(f"{owner} returned {type(data).__name__}; its build must return an ImageData.")
    return data


def _state_of(path: Path | None) -> tuple[int, int]:
    """Count and newest change of the user's files, so that an edited file is read anew."""
    if path is None:
        return 0, 0
    files = [path, *path.rglob("*")] if path.is_dir() else [path]
    return len(files), max((file.stat().st_mtime_ns for file in files if file.exists()), default=0)


def resolve_dataset(
    name: str,
    catalog: Catalog,
    *,
    root: Path | None = None,
    download: bool = False,
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> DatasetChoice:
    """Choose a data set and refuse what cannot work, before anything is read and without importing torch.

    Args:
        name: a registered name; ``auto`` for full MNIST where it is under the root (or may be downloaded),
            else ``mnist-5k``; a folder of class folders; or an .npz file.
        catalog: what is registered.
        root: where torchvision's data sets lie; None takes ``MORPH_CL_DATA`` or ``./data``.
        download: whether missing data may be downloaded when the data is loaded.
        options: options by the name of the record that they are for; only the chosen record's are read.

    Returns:
        The choice.

    Raises:
        UnknownNameError: nothing is registered under the name.
        DataError: the path or the data set's files do not exist.
        UsageError: an option that the data set does not have, or a value out of its range.
    """
    folder = _absolute(root if root is not None else default_data_root())
    if name == AUTO:
        name = _auto(folder, explicit=root is not None, download=download)
    path = _path_meant(name, catalog)
    entry = catalog.datasets.get(dataset_for_path(path) if path else name)
    given = (options or {}).get(entry.spec.name, {})
    validated = validate_options(entry.spec.params, given, entry.spec.name)
    request = DatasetRequest(root=folder, download=download, path=path and _absolute(path))
    if not (download and entry.spec.fetch) and not _present(entry, request):
        raise _absent(entry, request)
    return DatasetChoice(name if path else catalog.datasets.shown_name(entry), entry, request, validated)


class DatasetStatus(NamedTuple):
    """A line of ``morph-cl data list``.

    Args:
        name: the data set's name.
        present: whether it can be used without downloading anything or giving a path.
        where: where it lies, or how to get it.
    """

    name: str
    present: bool
    where: str


def dataset_status(catalog: Catalog, root: Path | None = None) -> list[DatasetStatus]:
    """Which data sets are on this machine, told without reading them.

    Args:
        catalog: what is registered.
        root: where torchvision's data sets lie; None takes ``MORPH_CL_DATA`` or ``./data``.

    Returns:
        One line a data set, in the order of their names.
    """
    request = DatasetRequest(root=_absolute(root if root is not None else default_data_root()))
    return [_status_of(catalog.datasets.shown_name(entry), entry, request) for entry in catalog.datasets]


def fetch_dataset(name: str, catalog: Catalog, root: Path | None = None) -> Path:
    """Download a data set, unless a sound copy is there.

    Args:
        name: a registered name.
        catalog: what is registered.
        root: where to put it; None takes ``MORPH_CL_DATA`` or ``./data``.

    Returns:
        The root that it lies under.

    Raises:
        UnknownNameError: nothing is registered under the name.
        UsageError: there is nothing to fetch.
        DataError: the download failed.
    """
    fetchable = [catalog.datasets.shown_name(e) for e in catalog.datasets if e.spec.fetch is not None]
    if name == AUTO or looks_like_path(name):
        raise UsageError(f"{name!r} cannot be fetched; give one of {', '.join(fetchable)}.")
    entry = catalog.datasets.get(name)
    if entry.spec.fetch is None:
        raise UsageError(f"data set {name!r} needs no download; those that do are {', '.join(fetchable)}.")
    request = DatasetRequest(root=_absolute(root if root is not None else default_data_root()), download=True)
    _call(entry, entry.spec.fetch, request)
    return request.root


def _auto(root: Path, *, explicit: bool, download: bool) -> str:
    """Full MNIST where it is there or may be downloaded; half of it is an error, not a second choice."""
    if download:
        return MNIST.name
    if explicit and not root.is_dir():
        raise DataError(f"the data root {root} is not a folder; give an existing one, or leave --data-root out.")
    missing = MNIST.missing(root)
    if len(missing) == len(MNIST.files):
        return EMBEDDED
    MNIST.require(root)
    return MNIST.name


def _path_meant(name: str, catalog: Catalog) -> Path | None:
    """The path that the name is, or None; a registered name goes before a folder of the same name."""
    path = Path(name).expanduser()
    if looks_like_path(name):
        return path
    try:
        catalog.datasets.get(name)
    except UnknownNameError:
        if path.exists():
            return path
    return None


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


def _present(entry: Entry[DatasetSpec], request: DatasetRequest) -> bool:
    return entry.spec.present is None or bool(_call(entry, entry.spec.present, request))


def _call(entry: Entry[DatasetSpec], function: Builder, request: DatasetRequest) -> Any:
    """Call ``present`` or ``fetch`` of a record, which may be foreign code."""
    try:
        return (import_attribute(function) if isinstance(function, str) else function)(request)
    except MorphClError:
        raise
    except Exception as error:
        owner = f"data set {entry.spec.name!r} of plugin {entry.provider}"
        raise PluginError(f"{owner} failed: {type(error).__name__}: {error}") from error


def _absent(entry: Entry[DatasetSpec], request: DatasetRequest) -> DataError:
    """Why the data set cannot be used as things are."""
    name = entry.spec.name
    if entry.provider.bundled and name in FILE_SETS:
        try:
            FILE_SETS[name].require(request.root)
        except DataError as error:
            return error
    return DataError(f"data set {name!r} is not on this machine: {_how_to_get(name, entry, request)}.")


def _how_to_get(name: str, entry: Entry[DatasetSpec], request: DatasetRequest) -> str:
    if entry.spec.fetch is not None:
        return f"not under {request.root}; run `morph-cl data fetch {name}` or add --download"
    if entry.provider.bundled:
        return "give the path of your own data as --dataset"
    return f"{entry.provider} offers no download; see its documentation"


def _status_of(name: str, entry: Entry[DatasetSpec], request: DatasetRequest) -> DatasetStatus:
    try:
        present = _present(entry, request)
    except PluginError as error:
        return DatasetStatus(name, False, str(error))
    if entry.spec.present is None:
        return DatasetStatus(name, present, "comes with the installation")
    files = FILE_SETS.get(name) if entry.provider.bundled else None
    if present:
        return DatasetStatus(name, True, str(files.locate(request.root) if files else request.root))
    missing = files.missing(request.root) if files else []
    if files and len(missing) < len(files.files):
        return DatasetStatus(name, False, f"incomplete: {missing[0]} is missing; run `morph-cl data fetch {name}`")
    return DatasetStatus(name, False, _how_to_get(name, entry, request))
