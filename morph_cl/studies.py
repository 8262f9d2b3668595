"""The Python API of studies: the same protocol, defaults and checks as the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from morph_cl.catalog import load_catalog
from morph_cl.config import configured
from morph_cl.engine.kept import KeptRuns
from morph_cl.engine.parallel import Job, execute_jobs
from morph_cl.engine.quiet import quiet_libraries
from morph_cl.errors import UsageError
from morph_cl.experiment.plan import RunPlan, plan_run
from morph_cl.results.record import RunRecord
from morph_cl.results.store import RunStore
from morph_cl.study.contestants import check_options
from morph_cl.study.protocol import Entry, measured_entries, run_config, validation_entries
from morph_cl.study.rates import RateChoice, choose_rate
from morph_cl.study.result import DriftStudy
from morph_cl.study.settings import DriftStudyConfig
from morph_cl.study.standings import measured_run

DEFAULT_STUDY_STORE = Path("runs/drift-study")
"""Where the runs of the study are kept and looked for, below the working directory."""

MOST_JOBS = 256


class StudyListener:
    """Told how a study goes on; every method does nothing here. Override what you show."""

    def planned(self, what: str, runs: int, kept: int) -> None:
        """So many runs follow, of which so many are in the store already."""

    def finished(self, entry: Entry, record: RunRecord, seconds: float) -> None:
        """A run was done in this time."""

    def warned(self, message: str) -> None:
        """Something went wrong that does not stop the study."""


def run_drift_study(
    *,
    store: Path | str | None = DEFAULT_STUDY_STORE,
    jobs: int = 1,
    train: bool = True,
    listener: StudyListener | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    **settings: Any,
) -> DriftStudy:
    """Measure how MORPH and its rivals take drifts, each with the best learning rate of a grid.

    Learning rates are chosen on validation seeds, one a contestant over all presets; figures are measured on others.
    A run that the store holds is not run again, one that was interrupted goes on from its last checkpoint.

    Args:
        store: the folder of the study's runs; None keeps nothing.
        jobs: runs at a time, each in a process of its own if more than 1.
        train: whether to run what the store lacks; else what it holds is shown, and a contestant whose learning rate
            it cannot tell is left out.
        listener: told how the study goes on.
        options: options by the name of the record that they are for, such as ``{"morph": {"novelty": 0.2}}``.
        settings: every other field of :class:`~morph_cl.study.settings.DriftStudyConfig`.

    Returns:
        The outcome.

    Raises:
        UsageError: what was asked for cannot be done; nothing was trained.
        RunFailedError: a process died. A run that breaks is in the outcome's ``failures``.

    Example:
        >>> study = run_drift_study(presets=["abrupt"], seeds=[0, 1], samples=5_000)  # doctest: +SKIP
        >>> [line.reached for line in study.lines]  # doctest: +SKIP
    """
    given = {name: dict(values) for name, values in (options or {}).items()}
    config = configured(DriftStudyConfig, options=given, **settings)
    return run_drift_study_config(config, store=store, jobs=jobs, train=train, listener=listener)


def run_drift_study_config(
    config: DriftStudyConfig,
    *,
    store: Path | str | None = DEFAULT_STUDY_STORE,
    jobs: int = 1,
    train: bool = True,
    listener: StudyListener | None = None,
) -> DriftStudy:
    """Like :func:`run_drift_study`, from a configuration.

    Args:
        config: what to run.
        store: the folder of the study's runs; None keeps nothing.
        jobs: runs at a time.
        train: whether to run what the store lacks.
        listener: told how the study goes on.

    Returns:
        The outcome.

    Raises:
        UsageError: what was asked for cannot be done; nothing was trained.
        RunFailedError: a process died.
    """
    if not 1 <= jobs <= MOST_JOBS:
        raise UsageError(f"jobs={jobs} is not in 1..{MOST_JOBS}; give the number of runs at a time.")
    if store is None and not train:
        raise UsageError("nothing is to be trained and no store is given; name the folder of the study's runs.")
    config = _with_own_samples(config)
    validation = validation_entries(config)
    any_rate = {contestant.name: config.lrs[0] for contestant in config.contestants if contestant.tuned}
    runner = _Runner(config, None if store is None else Path(store), jobs, train, listener or StudyListener())
    runner.check([*validation, *measured_entries(config, any_rate)])
    rates = _choose(config, runner.run("to choose learning rates", validation))
    entries = measured_entries(config, {choice.contestant: choice.chosen for choice in rates})
    records = runner.run("to measure", entries)
    runs = [
        measured_run(entry.preset, entry.contestant, record, config.rule, entry.lr) for entry, record in records.items()
    ]
    wanted = len(config.seeds) * len(config.presets) * len(config.strategies)
    return DriftStudy(config, tuple(rates), tuple(runs), wanted - len(runs), tuple(runner.failures))


def _with_own_samples(config: DriftStudyConfig) -> DriftStudyConfig:
    """Without the data set that nobody asked for where the scenario takes none."""
    scenario = load_catalog(config.plugin_files).scenarios.get(config.scenario).spec
    if scenario.draw is None or "dataset" in config.model_fields_set:
        return config
    return config.model_copy(update={"dataset": None})


def _choose(config: DriftStudyConfig, records: Mapping[Entry, RunRecord]) -> list[RateChoice]:
    """The rate of each tuned contestant whose validation runs are all there."""
    tuned = [contestant.name for contestant in config.contestants if contestant.tuned]
    if len(config.lrs) == 1:
        return [RateChoice(name, {}, config.lrs[0]) for name in tuned]
    wanted = len(config.lrs) * len(config.validation_seeds) * len(config.presets)
    choices = []
    for name in tuned:
        found = [
            (entry.lr, record.metrics["prequential_accuracy"])
            for entry, record in records.items()
            if entry.contestant == name and entry.lr is not None
        ]
        if len(found) == wanted:
            choices.append(choose_rate(name, found))
    return choices


@dataclass
class _Runner:
    """Does the runs of a study that are not in the store.

    Args:
        config: the study.
        store: the folder of its runs; None keeps nothing.
        jobs: runs at a time.
        train: whether to run what the store lacks.
        listener: told what is done.
        plans: all runs that may follow, checked.
        failures: the runs that started and broke, each with the reason.
    """

    config: DriftStudyConfig
    store: Path | None
    jobs: int
    train: bool
    listener: StudyListener
    plans: dict[Entry, RunPlan] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def check(self, entries: Sequence[Entry]) -> None:
        """Refuse what cannot be done, before torch is imported.

        Args:
            entries: a run of each kind that may follow.
        """
        config = self.config
        check_options(config.contestants, config.options, config.shared)
        scenarios = load_catalog(config.plugin_files).scenarios
        if not scenarios.get(config.scenario).spec.online:
            online = sorted(entry.spec.name for entry in scenarios if entry.spec.online)
            raise UsageError(
                f"scenario {config.scenario!r} is no test-then-train stream, so nothing drifts in it; give one of "
                f"{', '.join(online)}."
            )
        self.plans = {entry: self._plan(entry) for entry in entries}
        if self.store is not None:
            RunStore(self.store).check_writable()

    def run(self, what: str, entries: Sequence[Entry]) -> dict[Entry, RunRecord]:
        """The records of runs, from the store or made now.

        Args:
            what: what the runs are for, in words.
            entries: the runs.

        Returns:
            The records that there are, in the order of the entries.
        """
        plans = {entry: self._plan(entry) for entry in entries}
        kept = KeptRuns(self.store) if self.store is not None else None
        folders = {entry: kept.finished(plan) if kept else None for entry, plan in plans.items()}
        records = {entry: folder.read_record() for entry, folder in folders.items() if folder is not None}
        lacking = {entry: plan for entry, plan in plans.items() if entry not in records} if self.train else {}
        if lacking:
            self._build_streams()
        self.listener.planned(what, len(entries), len(records))
        records |= self._train(lacking, kept)
        return {entry: records[entry] for entry in entries if entry in records}

    def _plan(self, entry: Entry) -> RunPlan:
        return plan_run(run_config(self.config, entry), load_catalog(self.config.plugin_files))

    def _build_streams(self) -> None:
        """Build a stream of each kind, once: some of what is wrong with one shows only then."""
        streams = {
            (plan.config.preset, plan.stream.options.model_dump_json()): plan.stream for plan in self.plans.values()
        }
        self.plans = {}
        with quiet_libraries():
            for stream in streams.values():
                stream.build(stream.load())

    def _train(self, plans: Mapping[Entry, RunPlan], kept: KeptRuns | None) -> dict[Entry, RunRecord]:
        """Run what the store lacks; a run that breaks does not stop the others."""
        entries, jobs, records = list(plans), [], {}
        for plan in plans.values():
            begun = None if kept is None else kept.begun(plan)
            jobs.append(Job(plan.config, self.store, None if begun is None else begun.path))
        with closing(execute_jobs(jobs, self.jobs)) as outcomes:
            for number, outcome in outcomes:
                entry = entries[number]
                for message in outcome.warnings:
                    self.listener.warned(f"{entry}: {message}")
                if outcome.refused:
                    raise UsageError(f"{entry}: {outcome.reason}.")
                if outcome.record is None:
                    self.failures.append(f"{entry}: {outcome.reason}")
                    self.listener.warned(f"{entry} failed: {outcome.reason}.")
                    continue
                records[entry] = outcome.record
                self.listener.finished(entry, outcome.record, outcome.seconds)
        return records
