"""Runs that differ by nothing but their seed, drawn together under one name."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from morph_cl.config import RunConfig
from morph_cl.report.formats import mean_measured, one_line, option_value
from morph_cl.results.record import RunRecord

UPPER_BOUNDS = ("joint", "oracle")
"""Words in the name of a strategy that is allowed what a continual learner is not: a bound, not a rival."""


@dataclass(frozen=True)
class Group:
    """One strategy's runs, one a seed.

    Args:
        label: its name among the groups that it is shown with.
        records: its runs, by seed.
    """

    label: str
    records: tuple[RunRecord, ...]

    @property
    def strategy(self) -> str:
        """The strategy's name."""
        return self.records[0].strategy

    @property
    def upper_bound(self) -> bool:
        """Whether it is a bound on what a continual learner can reach, not a rival."""
        return any(word in self.strategy.rpartition(":")[2].split("-") for word in UPPER_BOUNDS)

    @property
    def experiences(self) -> int:
        """T, of the longest run."""
        return max(record.experiences for record in self.records)

    def over_seeds(self, figure: Callable[[RunRecord], float]) -> list[float]:
        """A figure of each run.

        Args:
            figure: takes a record, returns a float.

        Returns:
            The measured figures, NaN left out.
        """
        return [value for value in map(figure, self.records) if not math.isnan(value)]

    def mean_matrix(self) -> list[list[float]]:
        """R, (T, T), each entry the mean over the runs in which it was measured."""
        size = self.experiences
        return [
            [mean_measured(entry(record, after, on) for record in self.records) for on in range(size)]
            for after in range(size)
        ]


def entry(record: RunRecord, after: int, on: int) -> float:
    """One accuracy of a run.

    Args:
        record: the run.
        after: index of the experience after which it was measured.
        on: index of the experience on which it was measured.

    Returns:
        R[after, on], NaN where the run has no such entry.
    """
    matrix = record.accuracy_matrix
    return matrix[after][on] if after < len(matrix) and on < len(matrix[after]) else math.nan


def learned_average(record: RunRecord, after: int) -> float:
    """Average accuracy over the experiences learned so far.

    Args:
        record: the run.
        after: index of the experience that was learned last.

    Returns:
        Mean of the measured R[after, 0..after], NaN where nothing was measured.
    """
    return mean_measured(entry(record, after, on) for on in range(after + 1))


def group_records(records: Sequence[RunRecord]) -> list[Group]:
    """Draw together the runs that differ by nothing but their seed.

    Args:
        records: runs in any order. Of two runs of one seed that do not differ the newer one is taken.

    Returns:
        The groups in the order in which each first appears, under names that differ.
    """
    facts: dict[str, dict[str, str]] = {}
    runs: dict[str, dict[int, RunRecord]] = {}
    for record in sorted(records, key=lambda record: record.provenance.created):
        runs.setdefault(_key(_facts(record)), {})[record.seed] = record
    for record in records:
        facts.setdefault(_key(_facts(record)), _facts(record))
    labels = _labels(list(facts.values()))
    return [
        Group(label, tuple(run for _, run in sorted(runs[key].items())))
        for key, label in zip(facts, labels, strict=True)
    ]


def same_stream(groups: Sequence[Group]) -> bool:
    """Whether all groups met the same scenario on the same data, so that their figures can be compared.

    Args:
        groups: the groups, at least one.
    """
    records = [record for group in groups for record in group.records]
    streams = {
        (
            record.scenario,
            record.scenario_info.setting,
            _text(record.scenario_info.options),
            record.experiences,
            None if record.dataset_info.drawn else record.dataset_info.checksum,
        )
        for record in records
    }
    drawn = {(record.seed, record.dataset_info.checksum) for record in records if record.dataset_info.drawn}
    return len(streams) == 1 and len(drawn) == len({seed for seed, _ in drawn})


def _facts(record: RunRecord) -> dict[str, str]:
    """Everything but the seed that may tell two runs apart, by the name under which a label shows it."""
    config = record.config
    named = {
        "strategy": record.strategy,
        "scenario": record.scenario,
        "preset": record.scenario_info.preset,
        "setting": record.scenario_info.setting,
        "dataset": record.dataset,
        "data": None if record.dataset_info.drawn else record.dataset_info.checksum[:12],
        "epochs": config.epochs,
        "batch_size": config.batch_size,
        "amp": config.amp,
        "validation": config.validation,
        "attach": config.attach,
        "detector": _detector(config),
        "profile": record.strategy_info.profile,
        **{f"scenario.{name}": value for name, value in record.scenario_info.options.items()},
        **record.strategy_info.options,
    }
    return {name: _text(value) for name, value in named.items()}


def _detector(config: RunConfig) -> str | None:
    """The attached drift detector with all that was given for it."""
    if config.detector is None:
        return None
    given = {"watch": config.watch, "on_drift": config.on_drift}
    given |= config.options.get(config.detector, {}) | config.options.get("monitor", {})
    asked = {name: value for name, value in given.items() if value is not None}
    return " ".join([config.detector, _text(asked)]).strip()


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name}={_text(part)}" for name, part in sorted(value.items()))
    return option_value(value)


def _key(facts: dict[str, str]) -> str:
    return "\n".join(f"{name}={value}" for name, value in sorted(facts.items()))


def _labels(groups: list[dict[str, str]]) -> list[str]:
    """The strategy's name, and behind it what differs from the groups of the same strategy."""
    labels = []
    for facts in groups:
        others = [other for other in groups if other["strategy"] == facts["strategy"] and other is not facts]
        differing = [
            f"{name}={value}"
            for name, value in facts.items()
            if any(other.get(name) not in (value, None) for other in others)
        ]
        labels.append(one_line(" ".join([facts["strategy"], *differing])))
    return labels
