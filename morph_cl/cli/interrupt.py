"""Ctrl-C ends a run with one line that says how to go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from morph_cl.cli.flags import DEFAULT_RUNS_DIR
from morph_cl.cli.state import say

INTERRUPTED = 130
"""The exit code after Ctrl-C: 128 + SIGINT."""


@contextmanager
def interruptible(store: Path | None, run: str = "") -> Iterator[None]:
    """Turn Ctrl-C into one line that says how to go on, and exit code 130.

    Args:
        store: the folder of stored runs, None where nothing is stored.
        run: the run that is resumed, as the user named it; empty for new runs.
    """
    before = _names(store)
    try:
        yield
    except KeyboardInterrupt:
        say(f"interrupted; {_way_on(store, before, run)}")
        raise typer.Exit(INTERRUPTED) from None


def _names(store: Path | None) -> set[str]:
    return {path.name for path in store.iterdir()} if store is not None and store.is_dir() else set()


def _way_on(store: Path | None, before: set[str], run: str) -> str:
    """How to resume the run that was being run."""
    from morph_cl.results.folder import RunFolder  # the record's models are slow to import

    if store is None:
        return "the run was not stored and starts anew next time."
    if not run:
        fresh = [RunFolder(store / name) for name in sorted(_names(store) - before)]
        unfinished = [folder for folder in fresh if folder.is_run() and not folder.record_path.exists()]
        if not unfinished:
            return "no run is left half-way."
        if not unfinished[-1].checkpoint.exists():
            return f"no experience of {unfinished[-1].run_id} had ended, so it starts anew next time."
        run = unfinished[-1].run_id
    where = "" if store == DEFAULT_RUNS_DIR else f" --runs-dir {store}"
    return f"`morph-cl resume {run}{where}` goes on from the last experience that ended."
