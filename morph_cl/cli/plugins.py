"""``morph-cl plugins``: who offers what, and what is left out and why."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

import typer

from morph_cl.cli import flags
from morph_cl.cli.state import invocation, output_console

if TYPE_CHECKING:
    from morph_cl.host import PluginHost

plugins_app = typer.Typer(
    name="plugins",
    help="Plugins: list them, find out what is wrong with one.",
    context_settings=flags.CONTEXT,
    no_args_is_help=True,
)


@plugins_app.command("list")
def list_plugins(ctx: typer.Context, plugin: flags.Plugin = None, traceback: flags.Traceback = False) -> None:
    """List the plugins and what they offer."""
    catalog = invocation(ctx).begin("plugins list", traceback, plugin).catalog()
    from morph_cl.report.listing import plugins_table

    output_console().print(plugins_table(catalog.host.plugins))


@plugins_app.command("doctor")
def doctor(ctx: typer.Context, plugin: flags.Plugin = None, traceback: flags.Traceback = False) -> None:
    """Check every plugin: status, reason, records, clashes. Exit code 1 if one failed."""
    state = invocation(ctx).begin("plugins doctor", traceback, plugin)
    from morph_cl.report.listing import plugins_table

    host = _examine(state.plugin_files)
    clashes = [group for registry in host.registries.values() for group in registry.clashes()]
    output_console().print(plugins_table(host.plugins, clashes))
    for found in host.plugins:
        for kind, specs in sorted(found.records.items()):
            typer.echo(f"{found.provider.plugin}, {kind}: {', '.join(spec.name for spec in specs)}")
    for note in host.notes:
        typer.echo(f"note: {note}")
    if any(found.status == "failed" for found in host.plugins):
        raise typer.Exit(1)


def _examine(files: Iterable[str]) -> PluginHost:
    """A host that reports a plugin file that fails, where any other command refuses it."""
    from morph_cl.host import DISABLE_VARIABLE, PluginHost, entry_point_sources, file_source

    disabled = [name.strip() for name in os.environ.get(DISABLE_VARIABLE, "").split(",") if name.strip()]
    return PluginHost([*entry_point_sources(), *map(file_source, files)], disabled=disabled)
