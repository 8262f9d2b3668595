"""What the study of drifts found, and as a file."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from morph_cl.metrics.intervals import Interval
from morph_cl.study.lines import Line, Place, judge_lines, judge_places
from morph_cl.study.rates import CRITERION, RateChoice
from morph_cl.study.settings import DriftStudyConfig
from morph_cl.study.standings import MeasuredRun, Standing, standings_of


@dataclass(frozen=True)
class DriftStudy:
    """The outcome of the study of drifts.

    Args:
        config: what was asked for.
        rates: the learning rate of each tuned contestant.
        runs: the measured runs; those that chose learning rates are not among them.
        missing: measured runs that were asked for and are not there.
        failures: the runs that started and broke, each with the reason.
    """

    config: DriftStudyConfig
    rates: tuple[RateChoice, ...]
    runs: tuple[MeasuredRun, ...]
    missing: int = 0
    failures: tuple[str, ...] = ()

    @cached_property
    def standings(self) -> dict[str, dict[str, Standing]]:
        """Figures by preset and contestant, each in the order asked for."""
        found = standings_of(self.runs, self.config.rule)
        return {
            preset: {name: found[preset][name] for name in self.config.strategies if name in found[preset]}
            for preset in self.config.presets
            if preset in found
        }

    @cached_property
    def lines(self) -> list[Line]:
        """The lines that the study was set, and whether they are reached."""
        return judge_lines(self.standings)

    @cached_property
    def places(self) -> list[Place]:
        """In which columns MORPH is first."""
        return judge_places(self.standings)

    def to_json(self) -> str:
        """The settings, the choice of rates, every figure of the tables, and which run each comes from."""
        content = {
            "schema": "morph-cl/study-drift/1",
            "settings": self.config.model_dump(mode="json"),
            "criterion": CRITERION,
            "rates": [_rate(choice) for choice in self.rates],
            "standings": {
                preset: {name: _standing(standing) for name, standing in rows.items()}
                for preset, rows in self.standings.items()
            },
            "lines": [dataclasses.asdict(line) for line in self.lines],
            "places": [dataclasses.asdict(place) for place in self.places],
            "missing": self.missing,
            "failures": list(self.failures),
        }
        return json.dumps(_without_nan(content), indent=2, allow_nan=False) + "\n"

    @property
    def measured(self) -> list[MeasuredRun]:
        """The measured runs stream by stream, with every figure of the tables among their metrics."""
        return [run for rows in self.standings.values() for standing in rows.values() for run in standing.runs]

    def csv_columns(self) -> dict[str, list[str]]:
        """What stands before the figures of each measured run in a CSV: its place in the study."""
        rates = ["" if run.lr is None else f"{run.lr:g}" for run in self.measured]
        return {"contestant": [run.contestant for run in self.measured], "lr": rates}


def _rate(choice: RateChoice) -> dict[str, Any]:
    accuracies = [{"lr": lr, "prequential_accuracy": mean} for lr, mean in choice.accuracies.items()]
    return {
        "contestant": choice.contestant,
        "chosen": choice.chosen,
        "at_edge": choice.at_edge,
        "accuracies": accuracies,
    }


def _standing(standing: Standing) -> dict[str, Any]:
    return {
        "runs": [run.record.run_id for run in standing.runs],
        "seeds": [run.record.seed for run in standing.runs],
        "figures": {name: _interval(interval) for name, interval in standing.figures.items()},
        "by_seed": {name: list(standing.by_seed(name).values()) for name in standing.figures},
        "censored": standing.censored,
        "drifts": standing.drifts,
        "speed_ups": [dataclasses.asdict(speed) | {"bound": speed.bound} for speed in standing.speed_ups],
    }


def _interval(interval: Interval) -> dict[str, float | int]:
    return {"mean": interval.mean, "low": interval.low, "high": interval.high, "seeds": interval.count}


def _without_nan(value: Any) -> Any:
    """What was not measured, or knows no end, is ``null``, as in records."""
    if isinstance(value, dict):
        return {name: _without_nan(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_without_nan(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
