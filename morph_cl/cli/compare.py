"""``morph-cl compare``: runs strategies on the same streams and compares them, or compares stored runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from morph_cl.cli import flags
from morph_cl.cli.interrupt import interruptible
from morph_cl.cli.state import Invocation, error_console, invocation, output_console
from morph_cl.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from morph_cl.results.record import RunRecord


def compare(
    ctx: typer.Context,
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SCENARIO | RUN...", help="A scenario to run, or stored runs: ids, folders, JSON files."
        ),
    ] = None,
    preset: flags.Preset = None,
    setting: flags.Setting = None,
    dataset: flags.Dataset = None,
    data_root: flags.DataRoot = None,
    download: flags.Download = None,
    experiences: flags.Experiences = None,
    pattern: flags.Pattern = None,
    validation: flags.Validation = None,
    strategies: Annotated[
        str | None,
        typer.Option(metavar="A,B,C", help="The strategies to run on SCENARIO.", rich_help_panel=flags.TRAINING),
    ] = None,
    profile: flags.Profile = None,
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
    no_model: flags.NoModel = False,
    json_file: flags.JsonList = None,
    csv_file: flags.Csv = None,
    plot: Annotated[
        bool,
        typer.Option(
            "--plot",
            metavar="",
            help="Also plot accuracy against parameters and training time.",
            rich_help_panel=flags.OUTPUT,
        ),
    ] = False,
    png: Annotated[
        Path | None,
        typer.Option(
            "--png",
            metavar="FILE",
            help="Also write that plot as PNG; of drifting streams the curves.",
            rich_help_panel=flags.OUTPUT,
        ),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="On drifting streams: the strategy whose recovery the others' is held against; naive by default, "
            "else the first.",
            rich_help_panel=flags.OUTPUT,
        ),
    ] = None,
    quiet: flags.Quiet = False,
    traceback: flags.Traceback = False,
) -> None:
    """Run strategies on one scenario and compare them (--strategies A,B), or compare stored runs."""
    state = invocation(ctx).begin("compare", traceback, plugin)
    from morph_cl.cli import outputs
    from morph_cl.report.drawing import check_drawing

    outputs.check_targets(json_file, csv_file, png)
    if png is not None:
        check_drawing()
    wanted = {
        "strategies": strategies,
        "profile": profile,
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
    }
    if strategies is None and config is None:
        only_study = [key for key, value in wanted.items() if value not in (None, [])] + ["option"] * bool(option)
        only_study += ["no_model"] * no_model
        records = _stored(state, what or [], only_study, runs_dir)
    else:
        wanted |= {"keep_model": False if no_model else None, "baseline": baseline}
        records, baseline = _study(
            state, what or [], wanted, option or [], config, None if no_store else runs_dir, quiet=quiet
        )
    _write(records, baseline, json_file, csv_file)
    outputs.write_plot(png, records)
    if not quiet:
        from morph_cl.report import comparison_report, cost_report

        output_console().print(comparison_report(records, baseline=baseline))
        if plot:
            output_console().print("", cost_report(records))


def _write(records: Sequence[RunRecord], baseline: str | None, json_file: Path | None, csv_file: Path | None) -> None:
    """Write the records and, of drifting streams, how much sooner each strategy adapts than the baseline.

    Raises:
        UsageError: the baseline is not among the strategies.
        StoreError: a file cannot be written.
    """
    from morph_cl.cli import outputs
    from morph_cl.report.speed_ups import compare_speed_ups, speed_up_columns, speed_up_parts

    found = compare_speed_ups(records, baseline)
    outputs.write_json(json_file, records, as_list=True, more=[] if found is None else speed_up_parts(found, records))
    outputs.write_csv(csv_file, records, more=[] if found is None else speed_up_columns(found, records))


def _study(
    state: Invocation,
    what: Sequence[str],
    wanted: Mapping[str, object],
    assignments: Sequence[str],
    config: Path | None,
    store: Path | None,
    *,
    quiet: bool,
) -> tuple[list[RunRecord], str | None]:
    """Run every strategy with every seed; the records, and the baseline that flags or file name.

    Raises:
        UsageError: it cannot be done as it was given; nothing was trained.
        RunFailedError: a run started and broke.
    """
    from morph_cl import api
    from morph_cl.cli import request
    from morph_cl.cli.progress import make_listener

    if len(what) > 1:
        raise UsageError(
            f"{' '.join(what)}: --strategies and --config run one scenario; name one, or leave them out to "
            "compare stored runs."
        )
    given = request.gather(
        {**wanted, "scenario": what[0] if what else None, "plugin_files": state.plugin_files},
        config=config,
        known=request.STUDY_KEYS,
        assignments=assignments,
    )
    study = request.study_config(given)
    catalog = state.begin("compare", plugins=study.base.plugin_files).catalog()
    baseline = request.baseline(given, study, online=catalog.scenarios.get(study.base.scenario).spec.online)
    runs = len(study.strategies) * len(study.seeds)
    with interruptible(store), make_listener(error_console(), quiet=quiet, runs=runs) as listener:
        return api.run_study(study, store=store, listener=listener), baseline


def _stored(state: Invocation, what: Sequence[str], only_study: Sequence[str], runs_dir: Path) -> list[RunRecord]:
    """Load stored runs, each named once.

    Raises:
        UsageError: a scenario without strategies, a flag of training, no such run, or one run twice.
        StoreError: a run that cannot be read.
    """
    scenarios = state.catalog().scenarios.names()
    scenario = next((name for name in what if name in scenarios and not Path(name).exists()), "")
    if scenario or only_study or not what:
        flag = f"--{only_study[0].replace('_', '-')} is for running" if only_study else "nothing is named to run"
        raise UsageError(
            f"{scenario or flag}: give --strategies, as in `morph-cl compare {scenario or 'rotated-mnist'} "
            "--strategies morph,naive`, or only stored runs (`morph-cl runs`)."
        )
    records = [record for name in what for record in _load(name, runs_dir)]
    runs = [record.run_id for record in records if record.run_id]
    twice = next((run for run in runs if runs.count(run) > 1), None)
    if twice:
        raise UsageError(f"run {twice} is named twice; name each run once.")
    return records


def _load(name: str, runs_dir: Path) -> list[RunRecord]:
    """The record of a run, or every record of a list that ``compare --json`` wrote."""
    from morph_cl.results.reading import parse_record
    from morph_cl.results.store import RunStore

    path = Path(name)
    if path.is_file():
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            content = None  # the store says what is wrong with it
        if isinstance(content, list) and content and all(isinstance(item, dict) for item in content):
            return [parse_record(item, path) for item in content]
    try:
        return [RunStore(runs_dir).load(name)]
    except UnknownNameError as error:
        raise UsageError(f"{error} To run and compare, give a scenario and --strategies.") from error
