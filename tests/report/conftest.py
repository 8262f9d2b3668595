"""Made-up runs for the tests of the reports."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from morph_cl.config import RunConfig
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

PROFILES = {  # just-learned accuracy, loss an experience
    "morph": (0.965, 0.001),
    "naive": (0.96, 0.07),
    "replay": (0.95, 0.02),
    "ewc": (0.94, 0.05),
    "joint": (0.97, -0.002),
}


def make_matrix(strategy: str, experiences: int, seed: int) -> list[list[float]]:
    """A plausible R: what was learned fades, what was not is near chance or transferred."""
    generator = random.Random(f"{strategy}/{seed}")
    peak, loss = PROFILES.get(strategy, (0.9, 0.04))
    matrix = []
    for after in range(experiences):
        row = []
        for on in range(experiences):
            age = after - on
            value = peak - loss * age if age >= 0 else 0.7 - 0.12 * -age
            row.append(min(1.0, max(0.08, value + generator.gauss(0, 0.006))))
        matrix.append(row)
    return matrix


def make_record(strategy: str = "morph", *, experiences: int = 5, seed: int = 0, **changes: Any) -> RunRecord:
    """A made-up run."""
    matrix = changes.pop("matrix", None) or make_matrix(strategy, experiences, seed)
    experiences = len(matrix)
    learned = [matrix[i][i] for i in range(experiences)]
    last = matrix[-1]
    forgetting = [max(matrix[i][j] for i in range(j, experiences)) - last[j] for j in range(experiences - 1)]
    backward = [last[j] - matrix[j][j] for j in range(experiences - 1)]
    forward = [matrix[j - 1][j] - 0.1 for j in range(1, experiences)]

    def mean(values: list[float]) -> float:
        return sum(values) / len(values) if values else math.nan

    options = changes.pop("options", {"mem_size": 500} if strategy == "replay" else {})
    growing = strategy == "morph"
    values: dict[str, Any] = {
        "run_id": f"20260101-{strategy}-{seed}",
        "scenario": "rotated-mnist",
        "strategy": strategy,
        "dataset": "mnist-5k",
        "seed": seed,
        "accuracy_matrix": matrix,
        "metrics": {
            "average_accuracy": mean(last),
            "anytime_accuracy": mean([mean(row[: i + 1]) for i, row in enumerate(matrix)]),
            "forgetting": mean(forgetting),
            "backward_transfer": mean(backward),
            "forward_transfer": mean(forward),
            "just_learned_accuracy": mean(learned),
        },
        "memory": MemoryUse(
            parameters=89_610 * (experiences if growing else 1),
            weight_bytes=358_440,
            buffer_bytes=0,
            statistics_bytes=0,
            total_bytes=358_440 * (experiences if growing else 1),
        ),
        "timing": Timing(train_seconds=12.3 + seed, eval_seconds=1.2, samples_per_second=1_600.0),
        "experts": list(range(1, experiences + 1)) if growing else [1] * experiences,
        "events": [Event(kind="growth", experience=i, iteration=100 * i) for i in range(experiences)]
        + [Event(kind="sleep", experience=experiences - 1, iteration=100 * experiences)]
        if growing
        else [],
        "scenario_info": ScenarioInfo(
            name="rotated-mnist",
            setting="domain",
            preset="five-angles",
            experiences=[f"{15 * i}°" for i in range(experiences)],
        ),
        "strategy_info": StrategyInfo(
            name=strategy,
            boundaries="aware" if strategy != "replay" else "free",
            options=options,
            provider="baselines (morph-cl 0.1.0)",
        ),
        "dataset_info": DatasetInfo(
            name="mnist-5k",
            checksum="0123456789abcdef" * 4,
            train_size=4_000,
            test_size=1_000,
            classes=10,
            input_shape=(1, 28, 28),
        ),
        "config": RunConfig(scenario="rotated-mnist", strategy=strategy, seed=seed),
        "provenance": Provenance(
            created=f"2026-01-01T00:00:{seed:02d}+00:00",
            morph_cl="0.1.0",
            python="3.11.9",
            platform="Linux",
            torch="2.14.3",
            torchvision="0.29.2",
            avalanche="0.6.0",
            device="cpu",
            threads=2,
        ),
    }
    return RunRecord.model_validate(values | changes)


@pytest.fixture(scope="session")
def record() -> Callable[..., RunRecord]:
    """The factory of made-up runs."""
    return make_record


@pytest.fixture(scope="session")
def render() -> Callable[..., str]:
    """Render something to text, as a pipe or as a colour terminal would get it."""

    def rendered(renderable: Any, width: int = 80, *, colour: bool = False, no_color: bool = False) -> str:
        console = Console(
            width=width,
            height=50,
            force_terminal=colour or no_color,
            color_system="truecolor" if colour or no_color else None,
            no_color=no_color,
            _environ={},
        )
        with console.capture() as capture:
            console.print(renderable)
        return capture.get()

    return rendered
