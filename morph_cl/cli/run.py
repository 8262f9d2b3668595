"""``morph-cl run`` and ``morph-cl resume``: one run, its progress, its report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from morph_cl.cli import flags
from morph_cl.cli.interrupt import interruptible
from morph_cl.cli.state import error_console, invocation, output_console

if TYPE_CHECKING:
    from morph_cl.results.record import RunRecord


def run(
    ctx: typer.Context,
    scenario: Annotated[
        str | None, typer.Argument(metavar="SCENARIO", help="The stream; see `morph-cl list scenarios`.")
    ] = None,
    preset: flags.Preset = None,
    setting: flags.Setting = None,
    dataset: flags.Dataset = None,
    data_root: flags.DataRoot = None,
    download: flags.Download = None,
    experiences: flags.Experiences = None,
    pattern: flags.Pattern = None,
    validation: flags.Validation = None,
    strategy: flags.Strategy = None,
    profile: flags.Profile = None,
    seed: Annotated[
        int | None,
        typer.Option(metavar="N", help="Seed of stream and learner; 0 by default.", rich_help_panel=flags.TRAINING),
    ] = None,
    epochs: flags.Epochs = None,
    batch_size: flags.BatchSize = None,
    eval_batch_size: flags.EvalBatchSize = None,
    device: flags.Device = None,
    amp: flags.Amp = None,
    compile_model: flags.Compile = None,
    threads: flags.Threads = None,
    option: flags.Option = None,
    attach: flags.Attach = None,
    detector: flags.Detector = None,
    watch: flags.Watch = None,
    on_drift: flags.OnDrift = None,
    plugin: flags.Plugin = None,
    config: flags.Config = None,
    runs_dir: flags.RunsDir = flags.DEFAULT_RUNS_DIR,
    no_store: flags.NoStore = False,
    no_model: flags.NoModel = False,
    json_file: flags.Json = None,
    quiet: flags.Quiet = False,
    traceback: flags.Traceback = False,
) -> None:
    """Run one strategy on one scenario and show its table, curves and matrix."""
    state = invocation(ctx).begin("run", traceback, plugin)
    from morph_cl import api
    from morph_cl.cli import outputs, request
    from morph_cl.cli.progress import make_listener

    given = request.gather(
        {
            "scenario": scenario,
            "strategy": strategy,
            "profile": profile,
            "preset": preset,
            "setting": setting,
            "dataset": dataset,
            "data_root": data_root,
            "download": download,
            "experiences": experiences,
            "pattern": pattern,
            "validation": validation,
            "seed": seed,
            "epochs": epochs,
            "batch_size": batch_size,
            "eval_batch_size": eval_batch_size,
            "device": device,
            "amp": amp,
            "compile": compile_model,
            "threads": threads,
            "attach": attach,
            "detector": detector,
            "watch": watch,
            "on_drift": on_drift,
            "keep_model": False if no_model else None,
            "plugin_files": state.plugin_files,
        },
        config=config,
        known=request.RUN_KEYS,
        assignments=option or (),
    )
    settings = request.run_config(given)
    outputs.check_targets(json_file)
    state.begin("run", plugins=settings.plugin_files).catalog()
    store = None if no_store else runs_dir
    with interruptible(store), make_listener(error_console(), quiet=quiet) as listener:
        record = api.run_config(settings, store=store, listener=listener)
    _deliver(record, json_file, quiet=quiet)


def resume(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="Id, beginning of an id, latest, or folder of a run.")],
    runs_dir: flags.RunsDir = flags.DEFAULT_RUNS_DIR,
    data_root: flags.DataRoot = None,
    json_file: flags.Json = None,
    quiet: flags.Quiet = False,
    traceback: flags.Traceback = False,
) -> None:
    """Go on with a run that was stopped, from the last experience that ended."""
    invocation(ctx).begin("run", traceback)
    from morph_cl import api
    from morph_cl.cli import outputs
    from morph_cl.cli.progress import make_listener

    outputs.check_targets(json_file)
    with interruptible(runs_dir, run), make_listener(error_console(), quiet=quiet) as listener:
        record = api.resume(run, store=runs_dir, data_root=data_root, listener=listener)
    _deliver(record, json_file, quiet=quiet)


def _deliver(record: RunRecord, json_file: Path | None, *, quiet: bool) -> None:
    """Show the report and write the file."""
    from morph_cl.cli import outputs

    outputs.write_json(json_file, [record], as_list=False)
    if not quiet:
        from morph_cl.report import run_report

        output_console().print(run_report(record))
