"""``morph-cl data``: which data sets there are, which are on this machine, how to get the others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from morph_cl.cli import flags
from morph_cl.cli.state import invocation, output_console

data_app = typer.Typer(
    name="data",
    help="Data sets: list them, look at one, fetch what is missing.",
    context_settings=flags.CONTEXT,
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="A data set; see `morph-cl data list`.")]
Root = Annotated[
    Path | None,
    typer.Option("--data-root", metavar="DIR", help="Where data sets lie; MORPH_CL_DATA or ./data by default."),
]


@data_app.command("list")
def list_data(
    ctx: typer.Context,
    data_root: Root = None,
    plugin: flags.Plugin = None,
    traceback: flags.Traceback = False,
) -> None:
    """List the data sets and say which are on this machine."""
    catalog = invocation(ctx).begin("data list", traceback, plugin).catalog()
    from morph_cl.data.resolve import dataset_status
    from morph_cl.report.adaptive_table import AdaptiveTable, Heading

    rows = [
        [Text(name, style="bold"), Text("yes" if present else "no"), Text(where)]
        for name, present, where in dataset_status(catalog, data_root)
    ]
    headings = [Heading("data set"), Heading("here"), Heading("where, or how to get it", share=1)]
    output_console().print(AdaptiveTable(headings, rows))


@data_app.command("fetch")
def fetch(
    ctx: typer.Context,
    name: Name,
    data_root: Root = None,
    plugin: flags.Plugin = None,
    traceback: flags.Traceback = False,
) -> None:
    """Download a data set, unless a sound copy is there."""
    catalog = invocation(ctx).begin("data fetch", traceback, plugin).catalog()
    from morph_cl.data.resolve import fetch_dataset

    root = fetch_dataset(name, catalog, data_root)
    typer.echo(f"{name} is under {root}")


@data_app.command("info")
def info(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME|FOLDER|FILE.npz", help="A data set, folder or file.")],
    data_root: Root = None,
    plugin: flags.Plugin = None,
    traceback: flags.Traceback = False,
) -> None:
    """Read a data set that is on this machine and say its sizes, classes and checksum."""
    catalog = invocation(ctx).begin("data info", traceback, plugin).catalog()
    from morph_cl.data.resolve import resolve_dataset

    data = resolve_dataset(name, catalog, root=data_root).load().info()
    shape = " x ".join(map(str, data.input_shape))
    lines = {
        "name": data.name,
        "train": f"{data.train_size:,} images",
        "test": f"{data.test_size:,} images",
        "shape": f"{shape} (channels, height, width)",
        "classes": str(data.classes),
        "sha256": data.checksum,
    }
    for key, value in lines.items():
        typer.echo(f"{key:<8} {value}")
