"""Which runs of the study are in the store: found by their configurations, not by their names."""

from __future__ import annotations

import contextlib
import functools
import json
from collections import defaultdict
from pathlib import Path

from morph_cl import RunConfig, RunRecord
from morph_cl.catalog import Catalog, load_catalog
from morph_cl.errors import StoreError
from morph_cl.experiment.profile import with_profile
from morph_cl.results.folder import RunFolder
from morph_cl.results.store import RunStore

_ELSEWHERE = {"data_root", "download", "eval_batch_size", "device", "threads", "plugin_files", "keep_model"}
"""Where and how fast a run runs, and what is kept of it; what comes out does not depend on it."""


Index = defaultdict[str, list[tuple[str, RunFolder]]]


@functools.cache
def _catalog() -> Catalog:
    return load_catalog()


def identity(config: RunConfig) -> str:
    """What makes two runs the same.

    Args:
        config: a configuration, as asked for or as stored.

    Returns:
        Its fields as text, the options of its profile among them: a store keeps them so.
    """
    catalog = _catalog()
    config = with_profile(config, catalog.strategies.get(config.strategy).spec, catalog)
    return json.dumps(config.model_dump(mode="json", exclude=_ELSEWHERE), sort_keys=True)


def index(store: Path) -> Index:
    """The stored runs by their configurations.

    Args:
        store: the folder of runs.

    Returns:
        Status and folder of each run with a configuration, the newest first.
    """
    found: Index = defaultdict(list)
    for summary in RunStore(store).list():
        folder = RunFolder(summary.path)
        with contextlib.suppress(StoreError):
            found[identity(folder.read_config())].append((summary.status, folder))
    return found


def finished_folder(runs: Index, config: RunConfig) -> RunFolder | None:
    """Where a finished run lies.

    Args:
        runs: the stored runs.
        config: the run's configuration.

    Returns:
        The newest such folder, None where there is none.
    """
    return next((folder for status, folder in runs[identity(config)] if status == "finished"), None)


def finished_record(runs: Index, config: RunConfig) -> RunRecord | None:
    """The record of a finished run.

    Args:
        runs: the stored runs.
        config: the run's configuration.

    Returns:
        The newest such record, None where there is none.
    """
    folder = finished_folder(runs, config)
    return None if folder is None else folder.read_record()
