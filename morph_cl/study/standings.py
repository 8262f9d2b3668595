"""What the contestants of a study reached on one stream: figures over seeds, side by side."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from morph_cl.metrics.drift.detection import judge_alarms
from morph_cl.metrics.drift.figures import TOLERANCE, detection_figures, drift_figures
from morph_cl.metrics.drift.recovery import RecoveryRule, measure_recoveries
from morph_cl.metrics.drift.speedup import SpeedUp, measure_speed_ups
from morph_cl.metrics.intervals import Interval, mean_interval
from morph_cl.results.positions import positions_of
from morph_cl.results.prequential import Trace
from morph_cl.results.record import RunRecord
from morph_cl.study.contestants import BASELINE, CONTESTANTS

BETTER = {
    "prequential_accuracy": 1,
    "level_before_drift": 1,
    "recovery_samples": -1,
    "recovery_censored": -1,
    "maximum_drop": -1,
    "area_lost": -1,
    "detection_delay": -1,
    "missed_detection_rate": -1,
    "false_alarms_per_1000": -1,
    "false_growths": -1,
    "accuracy_at_the_end": 1,
    "train_seconds": -1,
    "total_bytes": -1,
}
"""The figures that contestants are ranked by: 1 where higher is better, -1 where lower is."""


@dataclass(frozen=True)
class MeasuredRun:
    """A run of the study under the study's rule.

    Args:
        preset: the stream.
        contestant: the learner, by its name in the study.
        record: what was recorded; its metrics are under the study's rule.
        lr: its learning rate; None where the contestant has its own.
    """

    preset: str
    contestant: str
    record: RunRecord
    lr: float | None = None

    @property
    def trace(self) -> Trace:
        """What was predicted of each batch; empty of a run that was not test-then-train."""
        return self.record.trace or Trace(batch_sizes=[], correct=[])


@dataclass(frozen=True)
class Standing:
    """A contestant on one stream.

    Args:
        preset: the stream.
        contestant: its name in the study.
        runs: its runs, by seed.
        figures: mean and 95 % interval over seeds, by name.
        censored: drifts that were not recovered from, over all seeds.
        drifts: drifts with a recovery time, over all seeds.
        speed_ups: recovery against the baseline, by kind of drift; none of the baseline itself or without one.
    """

    preset: str
    contestant: str
    runs: tuple[MeasuredRun, ...]
    figures: Mapping[str, Interval]
    censored: int
    drifts: int
    speed_ups: tuple[SpeedUp, ...] = ()

    @property
    def traces(self) -> dict[int, Trace]:
        """The trace of each seed."""
        return {run.record.seed: run.trace for run in self.runs}

    def by_seed(self, figure: str) -> dict[int, float]:
        """A figure of each seed.

        Args:
            figure: its name among the metrics.
        """
        return {run.record.seed: run.record.metrics.get(figure, math.nan) for run in self.runs}


def measured_run(
    preset: str, contestant: str, record: RunRecord, rule: RecoveryRule, lr: float | None = None
) -> MeasuredRun:
    """Measure a run under a rule.

    Args:
        preset: the stream.
        contestant: the learner, by its name in the study.
        record: the run's record, with a trace.
        rule: what counts as recovered.
        lr: its learning rate.

    Returns:
        The run, with every figure of the study among its metrics; those of alarms and growths are NaN where
        the contestant has none by its nature. What a contestant does when it notices a drift counts as its alarm.
    """
    trace = record.trace or Trace(batch_sizes=[], correct=[])
    notices = CONTESTANTS[contestant].notices
    noticed = detection_figures(judge_alarms(trace, TOLERANCE, positions_of(notices, record.events, trace.edges)))
    figures = drift_figures(trace, rule) | (noticed if notices else dict.fromkeys(noticed, math.nan))
    growths = len(judge_alarms(trace, TOLERANCE, trace.growths).false_alarms)
    figures |= {
        "false_growths": float(growths) if CONTESTANTS[contestant].grows else math.nan,
        "accuracy_at_the_end": record.metrics.get("average_accuracy", math.nan),
        "train_seconds": record.timing.train_seconds,
        "total_bytes": float(record.memory.total_bytes),
    }
    return MeasuredRun(preset, contestant, record.model_copy(update={"metrics": record.metrics | figures}), lr)


def standings_of(runs: Iterable[MeasuredRun], rule: RecoveryRule) -> dict[str, dict[str, Standing]]:
    """Put the contestants side by side, stream by stream.

    Args:
        runs: the runs, one a stream, contestant and seed.
        rule: what counts as recovered.

    Returns:
        Standings by preset and contestant, in the order of the runs.
    """
    groups: dict[str, dict[str, list[MeasuredRun]]] = {}
    for run in runs:
        groups.setdefault(run.preset, {}).setdefault(run.contestant, []).append(run)
    return {preset: _side_by_side(contestants, rule) for preset, contestants in groups.items()}


def _side_by_side(runs: Mapping[str, Sequence[MeasuredRun]], rule: RecoveryRule) -> dict[str, Standing]:
    baseline = {run.record.seed: run for run in runs.get(BASELINE, ())}
    return {contestant: _standing(own, baseline, rule) for contestant, own in runs.items()}


def _standing(runs: Sequence[MeasuredRun], baseline: Mapping[int, MeasuredRun], rule: RecoveryRule) -> Standing:
    """One contestant's figures, against the baseline's on the same seeds."""
    runs = [_with_area_ratio(run, baseline.get(run.record.seed)) for run in sorted(runs, key=_seed)]
    names = (*BETTER, "area_ratio")
    recoveries = [recovery for run in runs for recovery in measure_recoveries(run.trace, rule) if recovery.measured]
    own = {_seed(run): run.trace for run in runs}
    other = {seed: run.trace for seed, run in baseline.items()}
    compared = runs[0].contestant != BASELINE and own.keys() & other.keys()
    return Standing(
        preset=runs[0].preset,
        contestant=runs[0].contestant,
        runs=tuple(runs),
        figures={name: mean_interval([run.record.metrics.get(name, math.nan) for run in runs]) for name in names},
        censored=sum(recovery.censored for recovery in recoveries),
        drifts=len(recoveries),
        speed_ups=tuple(measure_speed_ups(own, other, rule)) if compared else (),
    )


def _seed(run: MeasuredRun) -> int:
    return run.record.seed


def _with_area_ratio(run: MeasuredRun, baseline: MeasuredRun | None) -> MeasuredRun:
    """The run with its area lost by the baseline's on the same seed; NaN of the baseline and where there is none."""
    area = run.record.metrics["area_lost"]
    other = math.nan
    if baseline is not None and run.contestant != BASELINE:
        other = baseline.record.metrics["area_lost"]
    metrics = run.record.metrics | {"area_ratio": area / other if other else math.nan}
    return MeasuredRun(run.preset, run.contestant, run.record.model_copy(update={"metrics": metrics}), run.lr)


def best_of(standings: Mapping[str, Standing], figure: str) -> set[str]:
    """Who is best by a figure.

    Args:
        standings: the contestants of one stream, by name.
        figure: a name in :data:`BETTER`.

    Returns:
        The contestants with the best mean; none where fewer than two have one or all have the same.
    """
    means = {name: standing.figures[figure].mean for name, standing in standings.items()}
    measured = {name: mean for name, mean in means.items() if not math.isnan(mean)}
    if len(set(measured.values())) < 2:
        return set()
    best = max(measured.values(), key=lambda mean: BETTER[figure] * mean)
    return {name for name, mean in measured.items() if mean == best}
