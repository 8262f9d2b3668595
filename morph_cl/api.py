"""The Python API: the same jobs, defaults and checks as the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from morph_cl.catalog import load_catalog
from morph_cl.config import AblationConfig, RunConfig, StreamConfig, StudyConfig, checked, configured
from morph_cl.engine.sequential import execute_plan, execute_plans, resume_plan
from morph_cl.errors import CheckpointError, UsageError
from morph_cl.experiment.ablation import plan_ablation
from morph_cl.experiment.listener import RunListener
from morph_cl.experiment.plan import plan_run, plan_stream
from morph_cl.experiment.profile import where_offered
from morph_cl.options import merge_options
from morph_cl.results.record import RunRecord
from morph_cl.results.store import RunStore
from morph_cl.stored import DEFAULT_STORE, stored_config

if TYPE_CHECKING:
    from morph_cl.bridge.online import OnlineStream
    from morph_cl.bridge.stream import Stream


def run(
    scenario: str,
    strategy: str = "morph",
    *,
    store: Path | str | None = DEFAULT_STORE,
    listener: RunListener | None = None,
    avalanche_plugins: Sequence[Any] = (),
    options: Mapping[str, Mapping[str, Any]] | None = None,
    **settings: Any,
) -> RunRecord:
    """Train a strategy on a stream and measure it.

    Args:
        scenario: the scenario's name.
        strategy: the strategy's name.
        store: folder in which to keep the run; None keeps nothing.
        listener: told what happens as it happens.
        avalanche_plugins: any Avalanche ``SupervisedPlugin`` objects to attach. A run with such objects cannot be
            resumed; name them in ``attach`` if it shall be.
        options: options by the name of the record that they are for, such as ``{"replay": {"mem_size": 500}}``.
        settings: every other field of :class:`~morph_cl.config.RunConfig`.

    Returns:
        The record.

    Raises:
        UsageError: what was asked for cannot be done; nothing was trained.
        RunFailedError: the run started and broke.

    Example:
        >>> record = run("rotated-mnist", "replay", options={"replay": {"mem_size": 500}})  # doctest: +SKIP
        >>> record.metrics["average_accuracy"]  # doctest: +SKIP
    """
    config = configured(RunConfig, scenario=scenario, strategy=strategy, options=_plain(options), **settings)
    return run_config(config, store=store, listener=listener, avalanche_plugins=avalanche_plugins)


def run_config(
    config: RunConfig,
    *,
    store: Path | str | None = DEFAULT_STORE,
    listener: RunListener | None = None,
    avalanche_plugins: Sequence[Any] = (),
) -> RunRecord:
    """Like :func:`run`, from a configuration.

    Args:
        config: what to run.
        store: folder in which to keep the run; None keeps nothing.
        listener: told what happens as it happens.
        avalanche_plugins: Avalanche plugins to attach.

    Returns:
        The record.

    Raises:
        UsageError: what was asked for cannot be done; nothing was trained.
        RunFailedError: the run started and broke.
    """
    plan = plan_run(config, load_catalog(config.plugin_files))
    return execute_plan(
        plan,
        listener=listener or RunListener(),
        store=_store(store),
        avalanche_plugins=avalanche_plugins,
    )


def compare(
    scenario: str,
    strategies: Sequence[str],
    *,
    seeds: int | Sequence[int] = 1,
    store: Path | str | None = DEFAULT_STORE,
    listener: RunListener | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    **settings: Any,
) -> list[RunRecord]:
    """Train several strategies on the same streams.

    How much sooner each of them adapts than a baseline on drifting streams,
    ``morph_cl.report.compare_speed_ups(records, baseline)`` tells of the records.

    Args:
        scenario: the scenario's name.
        strategies: the strategies' names.
        seeds: how many seeds, counted from 0, or the seeds themselves.
        store: folder in which to keep the runs; None keeps nothing.
        listener: told what happens as it happens.
        options: options by the name of the record that they are for.
        settings: every other field of :class:`~morph_cl.config.RunConfig`.

    Returns:
        One record a seed and strategy.

    Raises:
        UsageError: any of the runs cannot be done; nothing was trained.
        RunFailedError: a run started and broke.
    """
    base = configured(RunConfig, scenario=scenario, options=_plain(options), **settings)
    study = checked(StudyConfig, {"base": base, "strategies": tuple(strategies), "seeds": _seeds(seeds)})
    return run_study(study, store=store, listener=listener)


def run_study(
    study: StudyConfig, *, store: Path | str | None = DEFAULT_STORE, listener: RunListener | None = None
) -> list[RunRecord]:
    """Like :func:`compare`, from a configuration. All runs are checked before the first one starts.

    Args:
        study: what to run.
        store: folder in which to keep the runs; None keeps nothing.
        listener: told what happens as it happens.

    Returns:
        One record a seed and strategy.

    Raises:
        UsageError: any of the runs cannot be done; nothing was trained.
        RunFailedError: a run started and broke.
    """
    catalog = load_catalog(study.base.plugin_files)
    runs = where_offered(study.runs(), catalog)
    plans = [plan_run(config, catalog, also_known=study.strategies) for config in runs]
    return execute_plans(plans, listener=listener or RunListener(), store=_store(store))


def ablate(
    scenario: str,
    strategy: str = "morph",
    *,
    only: Sequence[str] = (),
    seeds: int | Sequence[int] = 1,
    store: Path | str | None = DEFAULT_STORE,
    listener: RunListener | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    **settings: Any,
) -> dict[str, list[RunRecord]]:
    """Train a strategy as it is and with one mechanism after the other switched off, on the same streams.

    Args:
        scenario: the scenario's name.
        strategy: the strategy's name; its record says which mechanisms can be switched off, and how.
        only: the mechanisms to switch off; none named takes all.
        seeds: how many seeds, counted from 0, or the seeds themselves.
        store: folder in which to keep the runs; None keeps nothing.
        listener: told what happens as it happens.
        options: options by the name of the record that they are for; a switch wins over them.
        settings: every other field of :class:`~morph_cl.config.RunConfig`.

    Returns:
        The records by mechanism, one a seed; first those of the strategy as it is, under ``defaults``.

    Raises:
        UsageError: any of the runs cannot be done; nothing was trained.
        RunFailedError: a run started and broke.
    """
    base = configured(RunConfig, scenario=scenario, strategy=strategy, options=_plain(options), **settings)
    study = checked(AblationConfig, {"base": base, "only": tuple(only), "seeds": _seeds(seeds)})
    return run_ablation(study, store=store, listener=listener)


def run_ablation(
    study: AblationConfig, *, store: Path | str | None = DEFAULT_STORE, listener: RunListener | None = None
) -> dict[str, list[RunRecord]]:
    """Like :func:`ablate`, from a configuration. All runs are checked before the first one starts.

    Args:
        study: what to run. A mechanism that its options have switched off already is left out, with a warning.
        store: folder in which to keep the runs; None keeps nothing.
        listener: told what happens as it happens.

    Returns:
        The records by mechanism, one a seed; first those of the strategy as it is, under ``defaults``.

    Raises:
        UsageError: any of the runs cannot be done; nothing was trained.
        RunFailedError: a run started and broke.
    """
    plan = plan_ablation(study, load_catalog(study.base.plugin_files))
    listener = listener or RunListener()
    listener.planned(plan.names)
    for mechanism in plan.left_out:
        listener.warned(f"{mechanism} is left out: with these options it is switched off already.")
    return plan.by_mechanism(execute_plans(plan.runs, listener=listener, store=_store(store)))


def resume(
    run_id: str | Path,
    *,
    store: Path | str = DEFAULT_STORE,
    data_root: Path | str | None = None,
    listener: RunListener | None = None,
) -> RunRecord:
    """Go on with a run that was stopped, from its last finished experience.

    Args:
        run_id: its id, a unique beginning of it, ``latest``, or its folder.
        store: the folder of runs.
        data_root: where data sets lie now; None takes what the run was told.
        listener: told what happens as it happens.

    Returns:
        The record: its accuracies are those of the run that was never stopped, bit for bit on the CPU.

    Raises:
        UsageError: the run does not exist, is finished, or has no checkpoint that fits.
        RunFailedError: the run went on and broke.
    """
    folder = RunStore(Path(store)).folder(run_id)
    config = stored_config(folder, data_root)
    if folder.read_status().state == "finished":
        raise UsageError(f"run {folder.run_id} is finished; see it with `morph-cl compare {folder.run_id}`.")
    if not any(folder.checkpoint.glob("*")):
        raise CheckpointError(
            f"run {folder.run_id} has no checkpoint: it was stopped before its first experience ended, or has "
            "Avalanche plugins that cannot be saved; start it again."
        )
    plan = plan_run(config, load_catalog(config.plugin_files), also_known=config.options)
    return resume_plan(plan, folder, listener=listener or RunListener())


def load_run(run_id: str | Path, *, store: Path | str = DEFAULT_STORE) -> RunRecord:
    """Read a stored run.

    Args:
        run_id: its id, a unique beginning of it, ``latest``, its folder, or a JSON file written by ``--json``.
        store: the folder of runs.

    Returns:
        The record.

    Raises:
        UsageError: there is no such run, or it cannot be read.
    """
    return RunStore(Path(store)).load(run_id)


def load_runs(store: Path | str = DEFAULT_STORE) -> list[RunRecord]:
    """Read every finished run of a store, oldest first.

    Args:
        store: the folder of runs.

    Returns:
        The records.
    """
    runs = RunStore(Path(store))
    return [runs.load(summary.run_id) for summary in reversed(runs.list()) if summary.status == "finished"]


def build_stream(scenario: str, *, options: Mapping[str, Mapping[str, Any]] | None = None, **settings: Any) -> Stream:
    """Build a stream whose ``benchmark`` any Avalanche strategy can train on.

    Args:
        scenario: the scenario's name.
        options: options by the name of the record that they are for.
        settings: fields of :class:`~morph_cl.config.StreamConfig`, such as ``preset``, ``setting``, ``seed``.

    Returns:
        The stream: ``stream.benchmark.train_stream`` and ``.test_stream`` are Avalanche's.

    Raises:
        UsageError: what was asked for cannot be built.
    """
    config = configured(StreamConfig, scenario=scenario, options=_plain(options), **settings)
    plan = plan_stream(config, load_catalog(config.plugin_files))
    return plan.build(plan.load())


def build_drift_stream(scenario: str = "drifting-mnist", **settings: Any) -> OnlineStream:
    """Build a test-then-train stream by itself, for any learner at all.

    Args:
        scenario: the scenario's name.
        settings: fields of :class:`~morph_cl.config.StreamConfig`, such as ``dataset`` and ``seed``; all others are
            options of the scenario, such as ``patterns`` and ``samples``.

    Returns:
        The stream: ``batches()`` yields images and labels, ``drifts`` is what the measures know.

    Raises:
        UsageError: what was asked for cannot be built, or is no test-then-train stream.
    """
    own = {name: settings.pop(name) for name in list(settings) if name not in StreamConfig.model_fields}
    given = _plain(settings.pop("options", None))
    options = merge_options(given, {scenario: own} if own else {})
    stream = build_stream(scenario, options=options, **settings)
    if stream.online is None:
        raise UsageError(f"scenario {scenario!r} is no test-then-train stream; give one such as drifting-mnist.")
    return stream.online


def _plain(options: Mapping[str, Mapping[str, Any]] | None) -> dict[str, dict[str, Any]]:
    return {name: dict(values) for name, values in (options or {}).items()}


def _store(store: Path | str | None) -> RunStore | None:
    return None if store is None else RunStore(Path(store))


def _seeds(seeds: int | Sequence[int]) -> tuple[int, ...]:
    return tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds)
