"""``morph-cl explain``: why a finished run of MORPH predicts what it predicts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from morph_cl.cli import flags
from morph_cl.cli.state import invocation, output_console
from morph_cl.errors import UsageError


def explain(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="Id, beginning of an id, latest, or folder of a run.")],
    image: Annotated[
        int | None, typer.Option(metavar="N", help="One test image, by its place in the experience, from 0.")
    ] = None,
    experience: Annotated[
        int | None,
        typer.Option(metavar="K", help="The experience of --image, from 1 as reports count; the last by default."),
    ] = None,
    label: Annotated[
        int | None, typer.Option("--class", metavar="C", help="All test images of one class, in place of --image.")
    ] = None,
    graph: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write the knowledge graph to FILE.graphml or FILE.json.", rich_help_panel=flags.OUTPUT
        ),
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Also write the explanation.", rich_help_panel=flags.OUTPUT),
    ] = None,
    runs_dir: flags.RunsDir = flags.DEFAULT_RUNS_DIR,
    data_root: flags.DataRoot = None,
    device: flags.Device = None,
    quiet: flags.Quiet = False,
    traceback: flags.Traceback = False,
) -> None:
    """Explain a run of MORPH: one image, one class, or (without either) what each expert is there for."""
    invocation(ctx).begin("explain", traceback)
    from morph_cl import stored
    from morph_cl.cli import outputs
    from morph_cl.results.atomic import write_atomic

    outputs.check_targets(json_file, graph)
    explanation = stored.explain(
        run,
        image=image,
        experience=None if experience is None else _index(run, runs_dir, experience),
        label=label,
        graph=graph,
        store=runs_dir,
        data_root=data_root,
        device=device,
    )
    if json_file is not None:
        write_atomic(json_file, explanation.to_json() + "\n")
    if not quiet:
        from morph_cl.report.explanation import explanation_report

        output_console().print(explanation_report(explanation))


def _index(run: str, runs_dir: Path, number: int) -> int:
    """The index of an experience that the user counts from 1.

    Raises:
        UsageError: the run has no such experience.
    """
    from morph_cl.results.store import RunStore

    count = RunStore(runs_dir).folder(run).read_record().experiences
    if not 1 <= number <= count:
        raise UsageError(f"--experience {number} is not in 1..{count}.")
    return number - 1
