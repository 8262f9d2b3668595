"""Which runs are in a store already: found by what they were told to do, not by their names."""

from __future__ import annotations

import contextlib
import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from morph_cl.catalog import load_catalog
from morph_cl.config import RunConfig
from morph_cl.errors import StoreError, UsageError
from morph_cl.experiment.description import resolved_config
from morph_cl.experiment.plan import RunPlan
from morph_cl.experiment.profile import with_profile
from morph_cl.results.folder import START, RunFolder
from morph_cl.results.reading import read_json
from morph_cl.results.record import RunRecord
from morph_cl.results.store import RunStore

_ELSEWHERE = {"data_root", "download", "eval_batch_size", "threads", "keep_model"}
"""Where and how fast a run runs, and what is kept of it; what comes out does not depend on it."""

Index = defaultdict[str, list[tuple[str, RunFolder]]]


def identity(config: RunConfig) -> str:
    """What makes two runs the same.

    Args:
        config: a configuration, as asked for or as stored.

    Returns:
        Its fields as text, the options of its profile among them: a store keeps them so.

    Raises:
        UsageError: the strategy that the profile is of does not exist.
    """
    if config.profile is not None:
        catalog = load_catalog(config.plugin_files)
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
        with contextlib.suppress(UsageError):
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


class KeptRuns:
    """The runs of a store as they were when it was looked into.

    A run is found again where it was told the same and started with the same options of strategy and scenario, those
    that nobody gave included: a default that has changed since makes it another run, an option that came later does
    not where it has its default now.

    Args:
        store: the folder of runs; it need not exist.
    """

    def __init__(self, store: Path) -> None:
        self.runs = index(store)

    def finished(self, plan: RunPlan) -> RunFolder | None:
        """The newest finished run of a plan, None where there is none.

        Args:
            plan: what is to be run.
        """
        return self._find(plan, "finished")

    def begun(self, plan: RunPlan) -> RunFolder | None:
        """The newest interrupted run of a plan that has a checkpoint to go on from, None where there is none.

        Args:
            plan: what is to be run.
        """
        folder = self._find(plan, "interrupted")
        return folder if folder is not None and any(folder.checkpoint.glob("*")) else None

    def _find(self, plan: RunPlan, wanted: str) -> RunFolder | None:
        config = resolved_config(plan, plan.epochs) if plan.epochs is not None else plan.config
        for status, folder in self.runs[identity(config)]:
            if status == wanted and _started_alike(folder, plan):
                return folder
        return None


def _started_alike(folder: RunFolder, plan: RunPlan) -> bool:
    """Whether a stored run had the options that the plan has now."""
    try:
        start = read_json(folder.path / START)
        strategy, scenario = start["strategy"]["options"], start["scenario"]["options"]
    except (StoreError, KeyError, TypeError):
        return False
    return _alike(strategy, plan.strategy_options) and _alike(scenario, plan.stream.options)


def _alike(stored: Mapping[str, Any], options: BaseModel) -> bool:
    """Whether options are those of a run that may be older than some of them."""
    later = {
        name: to_jsonable_python(field.get_default(call_default_factory=True))
        for name, field in type(options).model_fields.items()
        if name not in stored
    }
    return {**stored, **later} == options.model_dump(mode="json")
