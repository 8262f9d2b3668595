"""``morph-cl inspect``: a close look at a finished run of any strategy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from morph_cl.cli import flags
from morph_cl.cli.state import invocation, output_console


def inspect(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="Id, beginning of an id, latest, or folder of a run.")],
    mistakes: Annotated[
        int, typer.Option(metavar="N", min=0, max=1000, help="How many of the most confident mistakes to show.")
    ] = 12,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Also write the inspection.", rich_help_panel=flags.OUTPUT),
    ] = None,
    csv_file: Annotated[
        Path | None,
        typer.Option(
            "--csv", metavar="FILE", help="Also write one row a test image and expert.", rich_help_panel=flags.OUTPUT
        ),
    ] = None,
    png: Annotated[
        Path | None,
        typer.Option("--png", metavar="DIR", help="Also write pictures to a folder.", rich_help_panel=flags.OUTPUT),
    ] = None,
    runs_dir: flags.RunsDir = flags.DEFAULT_RUNS_DIR,
    data_root: flags.DataRoot = None,
    device: flags.Device = None,
    quiet: flags.Quiet = False,
    traceback: flags.Traceback = False,
) -> None:
    """Look closely at a run: who answers for what, confusion matrix, gate activation, most confident mistakes."""
    invocation(ctx).begin("inspect", traceback)
    from morph_cl import stored
    from morph_cl.cli import outputs
    from morph_cl.results.atomic import write_atomic

    outputs.check_targets(json_file, csv_file)
    inspection = stored.inspect_run(
        run, mistakes=mistakes, csv=csv_file, png=png, store=runs_dir, data_root=data_root, device=device
    )
    if json_file is not None:
        write_atomic(json_file, inspection.to_json() + "\n")
    if not quiet:
        from morph_cl.report.inspection import inspection_report

        output_console().print(inspection_report(inspection))
