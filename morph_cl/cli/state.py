"""What one invocation of the command line carries from its flags to its commands and its error report."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console

if TYPE_CHECKING:
    from morph_cl.catalog import Catalog


def traceback_wanted() -> bool:
    """Whether ``MORPH_CL_TRACEBACK`` asks for tracebacks."""
    return os.environ.get("MORPH_CL_TRACEBACK", "") not in ("", "0")


@dataclass
class Invocation:
    """The state of one invocation.

    Args:
        traceback: whether an error shows its traceback.
        plugin_files: the files given by ``--plugin``, in order.
        job: what is being done, for the line that reports an unexpected error.
    """

    traceback: bool = field(default_factory=traceback_wanted)
    plugin_files: list[str] = field(default_factory=list)
    job: str = "morph-cl"

    def begin(self, job: str, traceback: bool = False, plugins: Sequence[Path | str] | None = None) -> Invocation:
        """Take what a command's own flags add.

        Args:
            job: what the command does, for the line that reports an unexpected error.
            traceback: whether its ``--traceback`` was given.
            plugins: the files of its ``--plugin``, each kept only once.

        Returns:
            This state.
        """
        self.job = job
        self.traceback = self.traceback or traceback
        self.plugin_files = list(dict.fromkeys([*self.plugin_files, *map(str, plugins or ())]))
        return self

    def catalog(self) -> Catalog:
        """The catalogue of the installed plugins and the given files; one dim line says what is left out.

        Raises:
            UsageError: a plugin file does not exist or cannot be used.
        """
        from morph_cl.catalog import load_catalog

        catalog = load_catalog(self.plugin_files)
        failed = [plugin.provider.plugin for plugin in catalog.host.plugins if plugin.status == "failed"]
        if failed:
            names = ", ".join(failed)
            say(f"left out: {names} (see `morph-cl plugins doctor`)", style="dim")
        return catalog


def invocation(ctx: typer.Context) -> Invocation:
    """The state of the invocation that a command belongs to.

    Args:
        ctx: the command's context.
    """
    return ctx.ensure_object(Invocation)


def output_console() -> Console:
    """The console of results, on standard output. Looked up when used, so that tests can capture it."""
    return Console()


def error_console() -> Console:
    """The console of progress, warnings and errors, on standard error."""
    return Console(stderr=True)


def say(text: str, style: str = "") -> None:
    """Print one line on standard error, whatever its length.

    Args:
        text: the line, without markup.
        style: a rich style.
    """
    line = " ".join(text.split())
    error_console().print(line, style=style, markup=False, highlight=False, emoji=False, soft_wrap=True)
