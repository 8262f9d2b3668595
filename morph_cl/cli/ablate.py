"""``morph-cl ablate``: a strategy as it is and with one mechanism after the other switched off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from morph_cl.cli import flags
from morph_cl.cli.interrupt import interruptible
from morph_cl.cli.state import Invocation, error_console, invocation, output_console

if TYPE_CHECKING:
    from morph_cl.results.record import RunRecord


def ablate(
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
    only: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,C",
            help="The mechanisms to switch off; all that `morph-cl show strategy NAME` lists by default.",
            rich_help_panel=flags.TRAINING,
        ),
    ] = None,
    seeds: flags.Seeds = None,
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
    json_file: flags.JsonList = None,
    csv_file: flags.Csv = None,
    quiet: flags.Quiet = False,
    traceback: flags.Traceback = False,
) -> None:
    """Switch off one mechanism of a strategy after the other and show what each contributes.

    With --validation all is judged on validation data, which choices may be made on; test data is left alone.
    """
    state = invocation(ctx).begin("ablate", traceback, plugin)
    from morph_cl.cli import outputs

    outputs.check_targets(json_file, csv_file)
    wanted = {
        "scenario": scenario,
        "strategy": strategy,
        "profile": profile,
        "only": only,
        "seeds": seeds,
        "preset": preset,
        "setting": setting,
        "dataset": dataset,
        "data_root": data_root,
        "download": download,
        "experiences": experiences,
        "pattern": pattern,
        "validation": validation,
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
        "plugin_files": state.plugin_files,
    }
    drawn = _study(state, wanted, option or [], config, None if no_store else runs_dir, quiet=quiet)
    records = [record for runs in drawn.values() for record in runs]
    outputs.write_json(json_file, records, as_list=True)
    outputs.write_csv(csv_file, records, {"mechanism": [name for name, runs in drawn.items() for _ in runs]})
    if not quiet:
        from morph_cl.report import ablation_report

        output_console().print(ablation_report(drawn))


def _study(
    state: Invocation,
    wanted: Mapping[str, object],
    assignments: Sequence[str],
    config: Path | None,
    store: Path | None,
    *,
    quiet: bool,
) -> dict[str, list[RunRecord]]:
    """Run every variant with every seed."""
    from morph_cl import api
    from morph_cl.cli import request
    from morph_cl.cli.progress import make_listener

    given = request.gather(wanted, config=config, known=request.ABLATION_KEYS, assignments=assignments)
    study = request.ablation_config(given)
    state.begin("ablate", plugins=study.base.plugin_files).catalog()
    with interruptible(store), make_listener(error_console(), quiet=quiet) as listener:
        return api.run_ablation(study, store=store, listener=listener)
