"""The table of a protocol, from what the store holds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from protocols import PROTOCOLS, UPPER_BOUNDS, configuration

from morph_cl import RunRecord
from morph_cl.engine.kept import Index, finished_record
from morph_cl.metrics.intervals import mean_interval

_HEADER = (
    f"{'strategy':<12} {'average accuracy':>17} {'just learned':>14} {'forgetting':>14} {'MB':>8} {'train s':>8} "
    f"{'eval s':>7} {'seeds':>6}  boundaries"
)


def print_table(protocol: str, entries: Iterable[str], seeds: Sequence[int], runs: Index) -> None:
    """Print what is finished of a protocol.

    Args:
        protocol: its name.
        entries: the rows.
        seeds: the seeds that count.
        runs: the stored runs.
    """
    limit = PROTOCOLS[protocol].limit
    print(f"\n{protocol}: at most {limit / 1e6:.1f} MB\n{_HEADER}")
    for name in entries:
        found = [finished_record(runs, configuration(protocol, name, seed)) for seed in seeds]
        records = [record for record in found if record is not None]
        print(_row(name, records, len(seeds), limit) if records else f"{name:<12} {'not run yet':>17}")
    print(
        "Per cent, mean +- half-width of the 95% interval over the finished seeds. MB: the most held after any "
        "experience\nof any seed, ! above the limit. Seconds: means. ^ upper bound: holds all data, no rival.",
        flush=True,
    )


def _row(name: str, records: Sequence[RunRecord], wanted: int, limit: int) -> str:
    held = max(max(record.memory.total_bytes, *record.memory.by_experience) for record in records)
    figures = {
        key: _figure([record.metrics[key] for record in records])
        for key in ("average_accuracy", "just_learned_accuracy", "forgetting")
    }
    return (
        f"{name + (' ^' if name in UPPER_BOUNDS else ''):<12} {figures['average_accuracy']:>17} "
        f"{figures['just_learned_accuracy']:>14} {figures['forgetting']:>14} "
        f"{f'{held / 1e6:.2f}' + ('!' if held > limit else ' '):>8} "
        f"{mean_interval(record.timing.train_seconds for record in records).mean:8.0f} "
        f"{mean_interval(record.timing.eval_seconds for record in records).mean:7.0f} "
        f"{f'{len(records)}/{wanted}':>6}  {records[0].strategy_info.boundaries}"
    )


def _figure(fractions: Sequence[float]) -> str:
    interval = mean_interval(fractions)
    if math.isnan(interval.half_width):
        return f"{100 * interval.mean:.2f}"
    return f"{100 * interval.mean:.2f} +- {100 * interval.half_width:.2f}"
