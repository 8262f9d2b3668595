"""``morph-cl list``, ``show`` and ``runs``: what there is, without torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from morph_cl.cli import flags
from morph_cl.cli.state import invocation, output_console
from morph_cl.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from morph_cl.host import PluginHost

KINDS = {
    "strategies": "strategy",
    "experts": "expert",
    "scenarios": "scenario",
    "datasets": "dataset",
    "metrics": "metric",
    "detectors": "detector",
}
"""Each kind of record by its plural."""

PLUGINS = "plugins"
RUN = "run"


def list_records(
    ctx: typer.Context,
    kind: Annotated[
        str | None,
        typer.Argument(metavar="[KIND]", help=f"{', '.join(KINDS)} or {PLUGINS}; all in brief by default."),
    ] = None,
    plugin: flags.Plugin = None,
    traceback: flags.Traceback = False,
) -> None:
    """List what is registered: names and one line each."""
    state = invocation(ctx).begin("list", traceback, plugin)
    from morph_cl.report.listing import plugins_table, records_table

    wanted = None if kind is None else _kind(kind, extra=(PLUGINS,))
    catalog = state.catalog()
    console = output_console()
    if wanted is None:
        console.print(_overview(catalog.host))
    elif wanted == PLUGINS:
        console.print(plugins_table(catalog.host.plugins))
    else:
        console.print(records_table(catalog.host.registries[wanted]))


def show(
    ctx: typer.Context,
    kind: Annotated[str, typer.Argument(metavar="KIND", help=f"{', '.join(KINDS.values())} or {RUN}.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name, `plugin:name`, or the id of a run.")],
    plugin: flags.Plugin = None,
    runs_dir: flags.RunsDir = flags.DEFAULT_RUNS_DIR,
    png: Annotated[
        Path | None,
        typer.Option(
            "--png",
            metavar="FILE",
            help="Also write the curve of a run over a drifting stream as PNG.",
            rich_help_panel=flags.OUTPUT,
        ),
    ] = None,
    csv_file: Annotated[
        Path | None,
        typer.Option(
            "--csv",
            metavar="FILE",
            help="Also write the trace of such a run, one row a batch, as CSV; of another run its accuracy matrix.",
            rich_help_panel=flags.OUTPUT,
        ),
    ] = None,
    traceback: flags.Traceback = False,
) -> None:
    """Show one record (options with types, ranges, defaults; source; presets) or a stored run."""
    state = invocation(ctx).begin("show", traceback, plugin)
    wanted = _kind(kind, extra=(RUN,))
    console = output_console()
    if wanted == RUN:
        _show_run(name, runs_dir, png, csv_file)
        return
    if png is not None or csv_file is not None:
        flag = "--png" if png is not None else "--csv"
        raise UsageError(f"{flag} is for runs, as in `morph-cl show run latest {flag} FILE`; leave it out.")
    from morph_cl.report.listing import record_page

    registry = state.catalog().host.registries[wanted]
    entry = registry.get(name)
    console.print(record_page(entry, registry.shown_name(entry)))


def _show_run(name: str, runs_dir: Path, png: Path | None, csv_file: Path | None) -> None:
    """Write the files of a stored run, then show its report.

    Raises:
        UsageError: no such run, or a picture of one that is not over a drifting stream.
        StoreError: a file cannot be written.
    """
    from morph_cl.cli import outputs
    from morph_cl.report import run_report
    from morph_cl.report.drawing import check_drawing
    from morph_cl.report.stream_pictures import draw_streams
    from morph_cl.results.store import RunStore

    outputs.check_targets(png, csv_file)
    record = RunStore(runs_dir).load(name)
    if png is not None:
        check_drawing()
        draw_streams([record], png)
    outputs.write_details(csv_file, record)
    output_console().print(run_report(record))


def runs(
    ctx: typer.Context, runs_dir: flags.RunsDir = flags.DEFAULT_RUNS_DIR, traceback: flags.Traceback = False
) -> None:
    """List the stored runs, the newest first."""
    invocation(ctx).begin("runs", traceback)
    from morph_cl.report.listing import runs_table
    from morph_cl.results.store import RunStore

    found = RunStore(runs_dir).list()
    if not found:
        typer.echo(f"no runs in {runs_dir}; `morph-cl run rotated-mnist` makes one.")
        return
    output_console().print(runs_table(found))


def _overview(host: PluginHost) -> RenderableType:
    """Every kind with the names of its records."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for plural, singular in KINDS.items():
        table.add_row(plural, Text(", ".join(host.registries[singular].names()) or "none"))
    table.add_row(PLUGINS, Text(", ".join(p.provider.plugin for p in host.plugins if p.status == "ok") or "none"))
    return table


def _kind(text: str, *, extra: tuple[str, ...]) -> str:
    """The singular of a kind that was given in singular or plural.

    Raises:
        UnknownNameError: no such kind.
    """
    singular = {**KINDS, **{kind: kind for kind in KINDS.values()}}
    singular.update({word: name for name in extra for word in (name, name.rstrip("s"), f"{name.rstrip('s')}s")})
    lowered = text.lower()
    if lowered not in singular:
        raise UnknownNameError("kind", text, [*KINDS, *extra])
    return singular[lowered]
