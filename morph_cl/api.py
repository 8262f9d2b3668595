"""The Python API: the same jobs, defaults and checks as the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from morph_cl.config import RunConfig, StudyConfig
from morph_cl.results.record import RunRecord
from morph_cl.run.listener import RunListener

DEFAULT_STORE = Path("runs")


def run(
    scenario: str,
    strategy: str = "morph",
    *,
    store: Path | str | None = DEFAULT_STORE,
    listener: RunListener | None = None,
    avalanche_plugins: Sequence[Any] = (),
    options: Mapping[str, Mapping[str, Any]] | None = None,
    **settings: Any,
) -> RunRecord: ...


def run_config(config: RunConfig, *, store: Path | str | None = DEFAULT_STORE, listener: RunListener | None = None, avalanche_plugins: Sequence[Any] = ()) -> RunRecord: ...


def compare(
    scenario: str,
    strategies: Sequence[str],
    *,
    seeds: int | Sequence[int] = 1,
    store: Path | str | None = DEFAULT_STORE,
    listener: RunListener | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    **settings: Any,
) -> list[RunRecord]: ...


def run_study(study: StudyConfig, *, store: Path | str | None = DEFAULT_STORE, listener: RunListener | None = None) -> list[RunRecord]: ...


def resume(run: str | Path, *, store: Path | str = DEFAULT_STORE, listener: RunListener | None = None) -> RunRecord: ...


def load_run(run: str | Path, *, store: Path | str = DEFAULT_STORE) -> RunRecord: ...


def load_runs(store: Path | str = DEFAULT_STORE) -> list[RunRecord]: ...
