"""Synthetic records and a command line that reports its exit code and both streams."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from morph_cl.config import RunConfig
from morph_cl.results.record import (
    DatasetInfo,
    MemoryUse,
    Provenance,
    RunRecord,
    ScenarioInfo,
    StrategyInfo,
    Timing,
)


@dataclass
class Outcome:
    """What one invocation did."""

    code: int
    out: str
    err: str

    @property
    def errors(self) -> list[str]:
        """The lines of standard error that are not about plugins left out."""
        return [line for line in self.err.splitlines() if line.strip() and not line.startswith("left out:")]


@pytest.fixture
def morph_cl_command(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Calls ``main`` in this process: texts are split at spaces, paths are not."""
    from morph_cl.cli.main import main

    def call(*arguments: object) -> Outcome:
        capsys.readouterr()
        words = [[str(part)] if isinstance(part, Path) else str(part).split() for part in arguments]
        code = main([word for part in words for word in part])
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call


@pytest.fixture
def make_record() -> Callable[..., RunRecord]:
    """Builds a record of two experiences."""

    def build(strategy: str = "naive", seed: int = 0, run_id: str = "", scenario: str = "rotated-mnist") -> RunRecord:
        return RunRecord(
            run_id=run_id,
            scenario=scenario,
            strategy=strategy,
            dataset="mnist-5k",
            seed=seed,
            accuracy_matrix=[[0.9, 0.5], [0.7, 0.95]],
            initial_accuracy=[0.1, 0.12],
            metrics={"average_accuracy": 0.825, "forgetting": 0.2, "intransigence": float("nan")},
            memory=MemoryUse(parameters=100, weight_bytes=400, buffer_bytes=0, statistics_bytes=0, total_bytes=400),
            timing=Timing(train_seconds=1.0, eval_seconds=0.5, samples_per_second=8000.0),
            experts=[1, 1],
            scenario_info=ScenarioInfo(name=scenario, setting="domain", experiences=["0°", "30°"]),
            strategy_info=StrategyInfo(name=strategy),
            dataset_info=DatasetInfo(
                name="mnist-5k",
                checksum="c0ffee" * 10 + "beef",
                train_size=4000,
                test_size=1000,
                classes=10,
                input_shape=(1, 28, 28),
            ),
            config=RunConfig(scenario=scenario, strategy=strategy, seed=seed),
            provenance=Provenance(
                created="2025-01-01T00:00:00+00:00",
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

    return build
