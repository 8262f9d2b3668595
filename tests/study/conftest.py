"""Made-up runs of the study: traces that are good, fall for a while after each drift, and are good again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from morph_cl.config import RunConfig
from morph_cl.metrics.drift.recovery import RecoveryRule
from morph_cl.results.prequential import DriftPoint, Trace
from morph_cl.results.record import (
    DatasetInfo,
    Event,
    MemoryUse,
    Provenance,
    RunRecord,
    ScenarioInfo,
    StrategyInfo,
    Timing,
)
from morph_cl.study.standings import MeasuredRun, measured_run

RULE = RecoveryRule(window=10, eps=0.05, windows=1, reference=500)
SAMPLES = 6_000


def make_trace(
    poor: int, drifts: Sequence[DriftPoint] = (), growths: Sequence[int] = (), alarms: Sequence[int] = (), high: int = 9
) -> Trace:
    """Batches of 10, of which so many are all wrong from the start of each drift on."""
    correct = [high] * (SAMPLES // 10)
    for drift in drifts:
        first = drift.start // 10
        correct[first : first + poor] = [0] * len(correct[first : first + poor])
    return Trace(
        batch_sizes=[10] * len(correct),
        correct=correct,
        drifts=list(drifts),
        growths=list(growths),
        alarms=list(alarms),
    )


def make_run(
    preset: str,
    contestant: str,
    seed: int,
    trace: Trace,
    lr: float | None = None,
    reuses: Sequence[int] = (),
    follows: Sequence[int] = (),
) -> MeasuredRun:
    """A run of the study that met such a trace; it says where it alarmed, grew, found a known expert or followed."""
    told = [("drift", trace.alarms), ("growth", trace.growths), ("reuse", reuses), ("follow", follows)]
    record = RunRecord(
        run_id=f"{preset}-{contestant}-{seed}",
        scenario="drifting-mnist",
        strategy=contestant,
        dataset="digits",
        seed=seed,
        accuracy_matrix=[[0.9]],
        metrics={"average_accuracy": 0.9},
        memory=MemoryUse(parameters=100, weight_bytes=400, buffer_bytes=0, statistics_bytes=0, total_bytes=400),
        timing=Timing(train_seconds=1.0 + seed, eval_seconds=0.5, samples_per_second=100.0),
        experts=[1],
        trace=trace,
        events=[
            Event(kind=kind, experience=0, iteration=position // 10, detail={})
            for kind, positions in told
            for position in positions
        ],
        scenario_info=ScenarioInfo(name="drifting-mnist", setting="domain", preset=preset, experiences=["all"]),
        strategy_info=StrategyInfo(name=contestant, options={"lr": 0.003}),
        dataset_info=DatasetInfo(
            name="digits", checksum="c0ffee", train_size=6_000, test_size=10, classes=10, input_shape=(1, 8, 8)
        ),
        config=RunConfig(scenario="drifting-mnist", strategy=contestant, seed=seed),
        provenance=Provenance(
            created="2026-01-01T00:00:00+00:00",
            morph_cl="0.1.0",
            python="3.11",
            platform="test",
            torch="2",
            torchvision="0",
            avalanche="0.6.0",
            device="cpu",
            threads=1,
        ),
    )
    return measured_run(preset, contestant, record, RULE, lr)


@pytest.fixture
def rule() -> RecoveryRule:
    """A rule of one window, a batch."""
    return RULE


@pytest.fixture
def trace() -> Callable[..., Trace]:
    """Makes traces."""
    return make_trace


@pytest.fixture
def study_run() -> Callable[..., MeasuredRun]:
    """Makes runs."""
    return make_run
