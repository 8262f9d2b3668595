"""``morph-cl study``: a question, its protocol, and the tables that answer it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from morph_cl.cli import flags
from morph_cl.cli.interrupt import INTERRUPTED
from morph_cl.cli.state import Invocation, invocation, output_console, say
from morph_cl.errors import RunFailedError

if TYPE_CHECKING:
    from morph_cl.study.settings import DriftStudyConfig

study_app = typer.Typer(
    name="study",
    help="Studies: fixed protocols that answer one question with tables.",
    context_settings=flags.CONTEXT,
    invoke_without_command=True,
)

PROTOCOL = "Protocol"
RULE = "What counts as recovered"


def _names(help_text: str) -> Any:
    return typer.Option(metavar="A,B,C", help=help_text, rich_help_panel=PROTOCOL)


def _number(help_text: str, panel: str = PROTOCOL) -> Any:
    return typer.Option(metavar="N", help=help_text, rich_help_panel=panel)


@study_app.callback()
def studies(ctx: typer.Context) -> None:
    """List the studies, or run one: `morph-cl study drift`."""
    if ctx.invoked_subcommand is None:
        from morph_cl.study.catalogue import STUDIES

        width = max(map(len, STUDIES))
        for name, question in STUDIES.items():
            typer.echo(f"{name:<{width}}  {question}")
        typer.echo("Run one with `morph-cl study NAME`; `morph-cl study NAME --help` shows its flags.")


@study_app.command("drift")
def drift(
    ctx: typer.Context,
    presets: Annotated[
        str | None, _names("Streams: recurring, abrupt, gradual, incremental, steady, blips by default.")
    ] = None,
    strategies: Annotated[str | None, _names("Contestants: mlp, mlp-adwin, replay, der, morph by default.")] = None,
    seeds: Annotated[
        str | None,
        typer.Option(
            metavar="N|LIST", help="How many seeds are measured, or which; 5 by default.", rich_help_panel=PROTOCOL
        ),
    ] = None,
    validation_seeds: Annotated[
        str | None,
        typer.Option(metavar="LIST", help="Seeds that rates are chosen on: 10,11.", rich_help_panel=PROTOCOL),
    ] = None,
    lrs: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="Learning rates to choose from: 0.0001, 0.0003, 0.001, 0.003. One alone is taken as it is.",
            rich_help_panel=PROTOCOL,
        ),
    ] = None,
    samples: Annotated[int | None, _number("Length of each stream; all training images by default.")] = None,
    validation_samples: Annotated[int | None, _number("The same of the streams that rates are chosen on.")] = None,
    hidden: Annotated[
        str | None,
        typer.Option(metavar="LIST", help="Hidden layers of all networks: 256,256.", rich_help_panel=PROTOCOL),
    ] = None,
    batch_size: Annotated[int | None, _number("Samples a batch; 10 by default.")] = None,
    dataset: flags.Dataset = None,
    data_root: flags.DataRoot = None,
    download: flags.Download = None,
    window: Annotated[int | None, _number("Samples of a window; 100 by default.", RULE)] = None,
    eps: Annotated[
        float | None,
        typer.Option(
            metavar="FRACTION", help="How far below its level a window may lie; 0.05 by default.", rich_help_panel=RULE
        ),
    ] = None,
    windows: Annotated[int | None, _number("Windows in a row that must lie that high; 3 by default.", RULE)] = None,
    reference: Annotated[
        int | None, _number("Samples before a drift that make its level; 500 by default.", RULE)
    ] = None,
    option: flags.Option = None,
    jobs: Annotated[int, _number("Runs at a time, each in a process of its own.", flags.TRAINING)] = 1,
    threads: Annotated[int | None, _number("Torch threads of each run; 1 by default.", flags.TRAINING)] = None,
    plugin: flags.Plugin = None,
    store: Annotated[
        Path,
        typer.Option(
            metavar="FOLDER",
            help="Where runs are kept and found again, so that a study that was stopped goes on.",
            rich_help_panel=flags.OUTPUT,
        ),
    ] = Path("runs/drift-study"),
    stored: Annotated[
        bool,
        typer.Option(
            "--stored", metavar="", help="Train nothing; show what the store holds.", rich_help_panel=flags.OUTPUT
        ),
    ] = False,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Also write every figure as JSON.", rich_help_panel=flags.OUTPUT),
    ] = None,
    csv_file: flags.Csv = None,
    quiet: flags.Quiet = False,
    traceback: flags.Traceback = False,
) -> None:
    """How soon MORPH is back after a drift, beside a plain network, one that ADWIN resets, replay and DER++.

    Each rival gets the best learning rate of a grid, chosen on validation seeds. Prints what was chosen, a table for
    each stream, and which of the lines that were set are reached.
    """
    state = invocation(ctx).begin("study drift", traceback, plugin)
    from morph_cl.cli import outputs

    outputs.check_targets(json_file, csv_file)
    given = {
        "presets": presets,
        "strategies": strategies,
        "seeds": seeds,
        "validation_seeds": validation_seeds,
        "lrs": lrs,
        "samples": samples,
        "validation_samples": validation_samples,
        "hidden": hidden,
        "batch_size": batch_size,
        "dataset": dataset,
        "data_root": data_root,
        "download": download,
        "window": window,
        "eps": eps,
        "windows": windows,
        "reference": reference,
        "threads": threads,
    }
    config = _config(state, given, option or [])
    state.catalog()
    from morph_cl.cli.study_progress import listener_for
    from morph_cl.results.atomic import write_atomic
    from morph_cl.studies import run_drift_study_config

    with _interruptible():
        found = run_drift_study_config(
            config, store=store, jobs=jobs, train=not stored, listener=listener_for(quiet=quiet)
        )
    if json_file is not None:
        write_atomic(json_file, found.to_json())
    outputs.write_csv(csv_file, [run.record for run in found.measured], found.csv_columns())
    if not quiet:
        from morph_cl.report.study import drift_study_report

        output_console().print(drift_study_report(found))
    if found.failures:
        raise RunFailedError(f"{len(found.failures)} runs broke, the first: {found.failures[0]}")


def _config(state: Invocation, given: Mapping[str, Any], assignments: Sequence[str]) -> DriftStudyConfig:
    """The study that the flags ask for.

    Raises:
        UsageError: a value out of its range or a name that does not exist.
    """
    from morph_cl.cli.request import parse_seeds
    from morph_cl.config import checked
    from morph_cl.options import parse_assignments, parse_value
    from morph_cl.study.settings import DriftStudyConfig

    values = {name: value for name, value in given.items() if value is not None}
    for name in {"presets", "strategies"} & values.keys():
        values[name] = [part.strip() for part in values[name].split(",") if part.strip()]
    for name in {"validation_seeds", "lrs", "hidden"} & values.keys():
        parsed = parse_value(values[name])
        values[name] = parsed if isinstance(parsed, list) else [parsed]
    if "seeds" in values:
        values["seeds"] = parse_seeds(values["seeds"])
    values["options"] = parse_assignments(assignments)
    values["plugin_files"] = tuple(state.plugin_files)
    return checked(DriftStudyConfig, values)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Turn Ctrl-C into one line that says how to go on, and exit code 130."""
    try:
        yield
    except KeyboardInterrupt:
        say("interrupted; the same command goes on with what is not yet in the store.")
        raise typer.Exit(INTERRUPTED) from None
