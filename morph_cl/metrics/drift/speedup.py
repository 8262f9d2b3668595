"""How much sooner a strategy is back after a drift than a baseline on the same streams."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from morph_cl.errors import UsageError
from morph_cl.metrics.drift.recovery import Recovery, RecoveryRule, measure_recoveries
from morph_cl.metrics.intervals import mean_interval
from morph_cl.results.prequential import Trace

_LARGEST_LOG = math.log(sys.float_info.max)

Pair = tuple[Recovery, Recovery]
"""What one drift did to the strategy and to the baseline."""


@dataclass(frozen=True)
class SpeedUp:
    """Adaptation speed-up for one kind of drift.

    Args:
        kind: the kind of the drifts.
        recurring: whether they bring back known concepts.
        ratio: baseline's recovery time by the strategy's: above 1 the strategy is back sooner. The geometric mean over
            a seed's drifts, then over seeds; NaN where no drift was measured.
        low: lower end of the Student-t interval over seeds, taken of logarithms; NaN below two seeds.
        high: its upper end.
        seeds: seeds with a measured drift.
        drifts: measured drifts over all seeds.
        strategy_censored: those of which the strategy did not recover; counted with the samples up to the next drift.
        baseline_censored: the same of the baseline.
        strategy_level: mean pre-drift level of the strategy: a learner that was poor before is soon as good again.
        baseline_level: the same of the baseline.
    """

    kind: str
    recurring: bool
    ratio: float
    low: float
    high: float
    seeds: int
    drifts: int
    strategy_censored: int
    baseline_censored: int
    strategy_level: float
    baseline_level: float

    @property
    def bound(self) -> Literal["exact", "at least", "at most", "unknown"]:
        """What the ratio says of the true one: censored cases of the baseline make it too low, own ones too high."""
        if self.strategy_censored and self.baseline_censored:
            return "unknown"
        if self.baseline_censored:
            return "at least"
        return "at most" if self.strategy_censored else "exact"


def measure_speed_ups(
    strategy: Mapping[int, Trace],
    baseline: Mapping[int, Trace],
    rule: RecoveryRule | None = None,
    confidence: float = 0.95,
) -> list[SpeedUp]:
    """Compare recovery times of two strategies, drift by drift on one stream a seed.

    Each recovers to its own pre-drift level. A censored recovery counts with the samples between the drift's end and
    the next drift, which it takes at least, and is counted apart; see :attr:`SpeedUp.bound`. A drift that has no
    recovery time for one of the two is left out.

    Args:
        strategy: a trace by seed.
        baseline: the same of the baseline; a seed that only one of them has is left out.
        rule: what counts as recovered; the default one unless given.
        confidence: of the interval, in (0, 1).

    Returns:
        One entry for each kind of drift, novel and recurring ones apart, in the order in which they first come.

    Raises:
        UsageError: no common seed, traces of one seed whose streams differ, or a confidence outside (0, 1).
    """
    seeds = sorted(strategy.keys() & baseline.keys())
    if not seeds:
        raise UsageError(
            f"no common seed: the strategy has {sorted(strategy)}, the baseline {sorted(baseline)}; "
            "run both on the same seeds."
        )
    groups: dict[tuple[str, bool], dict[int, list[Pair]]] = {}
    for seed in seeds:
        _require_one_stream(seed, strategy[seed], baseline[seed])
        for pair in zip(
            measure_recoveries(strategy[seed], rule), measure_recoveries(baseline[seed], rule), strict=True
        ):
            drift = pair[0].drift
            measured = groups.setdefault((drift.kind, drift.recurring), {})
            if pair[0].measured and pair[1].measured:
                measured.setdefault(seed, []).append(pair)
    return [_speed_up(kind, recurring, pairs, confidence) for (kind, recurring), pairs in groups.items()]


def _require_one_stream(seed: int, first: Trace, second: Trace) -> None:
    """Refuse two traces of different streams."""
    if first.samples != second.samples or first.drifts != second.drifts:
        raise UsageError(
            f"the streams of seed {seed} differ: {first.samples} samples with {len(first.drifts)} drifts and "
            f"{second.samples} with {len(second.drifts)}; compare runs of one stream."
        )


def _speed_up(kind: str, recurring: bool, by_seed: dict[int, list[Pair]], confidence: float) -> SpeedUp:
    """The figures of one kind of drift."""
    logs = [_mean([math.log(slow.samples / fast.samples) for fast, slow in pairs]) for pairs in by_seed.values()]
    interval = mean_interval(logs, confidence)
    pairs = [pair for seed_pairs in by_seed.values() for pair in seed_pairs]
    return SpeedUp(
        kind=kind,
        recurring=recurring,
        ratio=_exp(interval.mean),
        low=_exp(interval.low),
        high=_exp(interval.high),
        seeds=interval.count,
        drifts=len(pairs),
        strategy_censored=sum(own.censored for own, _ in pairs),
        baseline_censored=sum(other.censored for _, other in pairs),
        strategy_level=_mean([own.level for own, _ in pairs]),
        baseline_level=_mean([other.level for _, other in pairs]),
    )


def _mean(values: list[float]) -> float:
    """The mean; NaN where there is nothing to average."""
    return math.fsum(values) / len(values) if values else math.nan


def _exp(value: float) -> float:
    """The exponential; infinity where it leaves the floats, as the upper end of an interval of two seeds may."""
    return math.inf if value > _LARGEST_LOG else math.exp(value)
