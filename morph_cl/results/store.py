"""The run store: a folder of run folders, found by id, the beginning of an id, ``latest`` or a path."""

from __future__ import annotations

import difflib
import math
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from morph_cl.config import RunConfig
from morph_cl.errors import AmbiguousNameError, StoreError, UnknownNameError
from morph_cl.results.atomic import check_folder_writable, check_writable, write_atomic
from morph_cl.results.folder import CONFIG, START, RunFolder
from morph_cl.results.reading import check_layout, read_json, read_record
from morph_cl.results.record import RunRecord, RunStart

__all__ = ["LATEST", "RunFolder", "RunStore", "RunSummary", "check_writable", "write_json"]

LATEST = "latest"
"""Names the newest run of a store."""

_RUN_ID = re.compile(r"(?P<name>.+)-s(?P<seed>\d+)-(?P<time>\d{8}-\d{6})-[0-9a-f]{4}")


@dataclass(frozen=True)
class RunSummary:
    """One line of a listing.

    Args:
        run_id: the run's id.
        path: its folder.
        status: ``finished``, ``running``, ``failed``, ``interrupted`` (its process is gone), ``unreadable``.
        created: when it started, ISO 8601 in UTC.
        scenario: empty where unknown, as the next three.
        strategy: the strategy's name.
        dataset: the data set's name.
        seed: None where unknown.
        average_accuracy: a fraction; NaN where there is none, as the next.
        forgetting: a fraction.
        reason: why it failed or cannot be read.
    """

    run_id: str
    path: Path
    status: str
    created: str
    scenario: str = ""
    strategy: str = ""
    dataset: str = ""
    seed: int | None = None
    average_accuracy: float = math.nan
    forgetting: float = math.nan
    reason: str = ""


class RunStore:
    """The runs below one folder.

    Args:
        root: the folder; it is created with the first run.
    """

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)

    def check_writable(self) -> None:
        """Make sure, before any work starts, that runs can be stored here.

        Raises:
            StoreError: the root is a file or cannot be written to.
        """
        check_folder_writable(self.root)

    def create(self, config: RunConfig, start: RunStart | None = None) -> RunFolder:
        """Make the folder of a new run, with its configuration and the status ``running``.

        Args:
            config: what the run is told to do.
            start: what is known of scenario, strategy and data, where that is known yet.

        Returns:
            The folder, of this run alone: two processes never get the same one.

        Raises:
            StoreError: the root cannot be written to.
        """
        self.check_writable()
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            path = self._fresh(config)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise StoreError(f"cannot create a run in {str(self.root)!r}: {reason}.") from error
        folder = RunFolder(path)
        folder.write_status("running")
        folder.write_config(config)
        if start is not None:
            folder.write_start(start)
        return folder

    def _fresh(self, config: RunConfig) -> Path:
        """A folder that did not exist: creating it is what claims the name."""
        time = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        stem = f"{_slug(config.scenario)}-{_slug(config.strategy)}-s{config.seed}-{time}"
        while True:
            path = self.root / f"{stem}-{secrets.token_hex(2)}"  # not of the run's random numbers
            try:
                path.mkdir()
            except FileExistsError:
                continue
            return path

    # --- finding ----------------------------------------------------------------------------------

    def folder(self, run: Path | str) -> RunFolder:
        """Find a run's folder.

        Args:
            run: an id, the beginning of one, ``latest``, or the path of a run folder.

        Returns:
            The folder.

        Raises:
            UnknownNameError: there is no such run.
            AmbiguousNameError: several ids begin so.
            StoreError: a path that holds no run.
        """
        name = str(run)
        ids = [folder.run_id for folder in self._folders()]
        if name in ids:
            return RunFolder(self.root / name)
        if name == LATEST and ids:
            return RunFolder(self.list()[0].path)
        if Path(run).is_dir() and name:
            return _folder_at(Path(run))
        found = [run_id for run_id in ids if run_id.startswith(name)] if name else []
        if len(found) == 1:
            return RunFolder(self.root / found[0])
        if found:
            shown = ", ".join(found[:3]) + (", ..." if len(found) > 3 else "")
            raise AmbiguousNameError(f"{len(found)} runs begin with {name!r}: {shown}; give more of the id.")
        if isinstance(run, Path) or len(Path(name).parts) > 1:
            raise StoreError(f"there is no run at {name!r}; `morph-cl runs` lists the stored ones.")
        raise self._unknown(name, ids)

    def _unknown(self, name: str, ids: list[str]) -> UnknownNameError:
        """With the ids most like the name, or else the newest: a store may hold hundreds."""
        close = difflib.get_close_matches(name, ids, n=3, cutoff=0.5)
        known = close or [summary.run_id for summary in self.list()[:5]]
        return UnknownNameError("run", name, known, f"Stored in {str(self.root)!r}: {len(ids)} (see `morph-cl runs`).")

    def load(self, run: Path | str) -> RunRecord:
        """Load a record.

        Args:
            run: an id, the beginning of one, ``latest``, the path of a run folder, or a file that ``--json``
                wrote.

        Returns:
            The record.

        Raises:
            UnknownNameError: there is no such run.
            AmbiguousNameError: several ids begin so.
            StoreError: the record is missing, damaged or written by a newer version.
        """
        path = Path(run)
        if path.is_file():
            return read_record(path)
        if path.suffix == ".json":
            raise StoreError(f"there is no file {str(run)!r}; `morph-cl runs` lists the stored runs.")
        return self.folder(run).read_record()

    # --- listing ----------------------------------------------------------------------------------

    def list(self) -> Sequence[RunSummary]:
        """Every run, the newest first; one that cannot be read is listed with the reason.

        Returns:
            A line for each; none where the root does not exist.

        Raises:
            StoreError: the root is a file or cannot be read.
        """
        summaries = [_summary(folder) for folder in self._folders()]
        return sorted(summaries, key=lambda summary: (summary.created, summary.run_id), reverse=True)

    def _folders(self) -> Sequence[RunFolder]:
        """The run folders, by name; other folders are none of the store's business."""
        try:
            paths = sorted(path for path in self.root.iterdir() if path.is_dir())
        except FileNotFoundError:
            return []
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise StoreError(f"cannot read the runs in {str(self.root)!r}: {reason}.") from error
        folders = [RunFolder(path) for path in paths]
        return [folder for folder in folders if _RUN_ID.fullmatch(folder.path.name) or folder.is_run()]


def write_json(record: RunRecord, path: Path | str) -> None:
    """Write a record to a file of the user's (``--json``), whole or not at all.

    Args:
        record: a finished run.
        path: the file; its folder exists.

    Raises:
        StoreError: it is a folder, or cannot be written.
    """
    check_writable(path)
    write_atomic(Path(path), record.to_json() + "\n")


def _slug(name: str) -> str:
    """A name as a part of a folder's name: of plain letters, digits and dashes, not too long."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60] or "unnamed"


def _folder_at(path: Path) -> RunFolder:
    folder = RunFolder(path)
    if not folder.is_run():
        raise StoreError(f"{str(path)!r} is a folder without a run; give a run's folder, id or JSON file.")
    return folder


def _created_by_name(folder: RunFolder) -> str:
    """The time in a run's id, for a folder whose status cannot be read."""
    match = _RUN_ID.fullmatch(folder.run_id)
    try:
        time = datetime.strptime(match["time"], "%Y%m%d-%H%M%S").replace(tzinfo=UTC) if match else None
    except ValueError:
        time = None
    return time.isoformat(timespec="microseconds") if time else ""


def _summary(folder: RunFolder) -> RunSummary:
    """What can be said of a run, whatever state its folder is in."""
    facts: dict[str, Any]
    try:
        status = folder.read_status()
        facts = {"created": status.created, "status": status.shown, "reason": status.reason}
    except StoreError as error:
        facts = {"created": _created_by_name(folder), "status": "unreadable", "reason": str(error)}
    try:
        facts |= _outcome(folder) if folder.record_path.is_file() else _intention(folder)
    except StoreError as error:
        facts |= {"status": "unreadable", "reason": str(error)}
    return RunSummary(run_id=folder.run_id, path=folder.path, **facts)


def _outcome(folder: RunFolder) -> dict[str, Any]:
    """The summary's fields from a record, without the cost of checking all of it."""
    content = read_json(folder.record_path)
    check_layout(content, folder.record_path)
    metrics = content.get("metrics")
    figures = metrics if isinstance(metrics, dict) else {}
    facts: dict[str, Any] = _names(content, content.get("dataset"))
    for key in ("average_accuracy", "forgetting"):
        value = figures.get(key)
        facts[key] = float(value) if isinstance(value, (int, float)) else math.nan
    return facts


def _intention(folder: RunFolder) -> dict[str, Any]:
    """The summary's fields of a run that has no record yet."""
    config = read_json(folder.path / CONFIG)
    dataset = config.get("dataset")
    if (folder.path / START).is_file():
        known = read_json(folder.path / START).get("dataset")
        dataset = known.get("name") if isinstance(known, dict) else dataset
    return _names(config, dataset)


def _names(content: dict[str, Any], dataset: object) -> dict[str, Any]:
    seed = content.get("seed")
    return {
        "scenario": str(content.get("scenario") or ""),
        "strategy": str(content.get("strategy") or ""),
        "dataset": str(dataset or ""),
        "seed": seed if isinstance(seed, int) else None,
    }
