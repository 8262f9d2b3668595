"""The models that morph-cl grew from, beside parameter-matched networks and, in streams, beside rivals: two tables.

A run that the store holds with the same configuration is not trained again, so the program may be stopped at any time.

::

    MORPH_CL_DATA=... python benchmarks/seed_models.py              # train what is missing, then both tables
    python benchmarks/seed_models.py --table                        # what the store holds
    MORPH_CL_DATA=... python benchmarks/seed_models.py --choose     # the matched networks' rate, on validation data
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from seeds.costs import Costs, measure
from seeds.models import LEARNERS, MODELS, SEEDS, STREAMS, SeedModel, continual, matched, rates, runs

import morph_cl
from morph_cl import RunConfig, RunRecord
from morph_cl.engine.kept import Index, finished_folder, index
from morph_cl.metrics.intervals import mean_interval


def train(config: RunConfig, store: Path, stored: Index) -> RunRecord:
    """The record of a run, which is trained where the store lacks it.

    Args:
        config: the run.
        store: the folder of runs.
        stored: what the store held at the start.

    Returns:
        Its record.
    """
    folder = finished_folder(stored, config)
    if folder is not None:
        return folder.read_record()
    started = time.perf_counter()
    record = morph_cl.run_config(config, store=store)
    print(
        f"{config.scenario} {config.strategy} seed {config.seed}: {100 * record.metrics['average_accuracy']:.2f}, "
        f"{time.perf_counter() - started:.0f} s",
        flush=True,
    )
    return record


def train_all(store: Path) -> None:
    """Train what the study lacks, the matched networks last: a model's size tells their width."""
    stored = index(store)
    for config in runs():
        train(config, store, stored)
    for config in _matched_runs(index(store)):
        train(config, store, stored)


def _matched_runs(stored: Index) -> Iterator[RunConfig]:
    for model in MODELS.values():
        first = finished_folder(stored, model.config(SEEDS[0]))
        if first is not None:
            size = first.read_record().memory.parameters
            yield from (matched(size, model.epochs, seed) for seed in SEEDS)


def print_models(stored: Index, store: Path) -> None:
    """Every model beside a plain network of as many parameters."""
    print(f"\nfull MNIST, test data, seeds {SEEDS[0]} to {SEEDS[-1]}\n{_MODEL_HEADER}")
    for name, model in MODELS.items():
        records = _records(stored, [model.config(seed) for seed in SEEDS])
        if not records:
            print(f"{name:<18} not run yet")
            continue
        _print_model(name, model.epochs, records, store, model)
        plain = _records(stored, [matched(records[0].memory.parameters, model.epochs, seed) for seed in SEEDS])
        if plain:
            _print_model("  matched mlp", model.epochs, plain, store)
    print(_MODEL_NOTE)


_MODEL_HEADER = (
    f"{'model':<18} {'epochs':>6} {'parameters':>11} {'active':>10} {'MACs':>10} {'accuracy':>15} {'ms/1,000':>9}  "
    f"{'published':<22} besides"
)
_MODEL_NOTE = (
    "accuracy: per cent, mean +- half-width of the 95% interval over seeds; labels are hidden but for what is named\n"
    "oracle. active: parameters that an image is computed with; MACs: multiply-accumulates of its matrix\n"
    "products and convolutions; ms/1,000: prediction of 1,000 images in one batch, one thread. All of the first seed."
)


def _print_model(
    name: str, epochs: int, records: Sequence[RunRecord], store: Path, model: SeedModel | None = None
) -> None:
    costs = _costs(records[0], store)
    besides = (
        ""
        if model is None
        else ", ".join(
            f"{shown} {_percent([record.metrics[key] for record in records])}" for shown, key in model.figures.items()
        )
    )
    print(
        f"{name:<18} {epochs:>6} {records[0].memory.parameters:>11,} {costs.active:>10,.0f} {costs.macs:>10,.0f} "
        f"{_percent([record.metrics['average_accuracy'] for record in records]):>15} {costs.milliseconds:>9.1f}  "
        f"{'' if model is None else model.published:<22} {besides}",
        flush=True,
    )


def _costs(record: RunRecord, store: Path) -> Costs:
    torch.set_num_threads(1)
    strategy = morph_cl.load_model(record.run_id, store=store, device="cpu")
    test = morph_cl.load_stream(record.run_id, store=store).benchmark.test_stream[0].dataset
    return measure(strategy, torch.stack([test[place][0] for place in range(len(test))]))


def print_streams(stored: Index) -> None:
    """All of them in streams, beside naive training, rehearsal and MORPH."""
    for stream in STREAMS:
        print(f"\n{stream}, test data, seeds {SEEDS[0]} to {SEEDS[-1]}\n{_STREAM_HEADER}")
        for name in LEARNERS:
            records = _records(stored, [continual(stream, name, seed) for seed in SEEDS])
            print(_stream_row(name, records) if records else f"{name:<32} not run yet", flush=True)


_STREAM_HEADER = (
    f"{'strategy':<32} {'average accuracy':>17} {'just learned':>15} {'forgetting':>15} {'MB':>6} "
    f"{'train s':>8} {'eval s':>7}"
)


def _stream_row(name: str, records: Sequence[RunRecord]) -> str:
    accuracy, learned, forgotten = (
        _percent([record.metrics[key] for record in records])
        for key in ("average_accuracy", "just_learned_accuracy", "forgetting")
    )
    held = max(max(record.memory.total_bytes, *record.memory.by_experience) for record in records)
    return (
        f"{name:<32} {accuracy:>17} {learned:>15} {forgotten:>15} {held / 1e6:>6.1f} "
        f"{mean_interval(record.timing.train_seconds for record in records).mean:>8.0f} "
        f"{mean_interval(record.timing.eval_seconds for record in records).mean:>7.1f}"
    )


def _records(stored: Index, configs: Sequence[RunConfig]) -> list[RunRecord]:
    folders = [finished_folder(stored, config) for config in configs]
    return [folder.read_record() for folder in folders if folder is not None]


def _percent(fractions: Sequence[float]) -> str:
    interval = mean_interval(fractions)
    spread = "" if len(fractions) < 2 else f" +- {100 * interval.half_width:.2f}"
    return f"{100 * interval.mean:.2f}{spread}"


def choose() -> None:
    """The learning rate of the matched networks, on held-out training data of a seed that no table uses."""
    for rate, config in rates():
        record = morph_cl.run_config(config, store=None)
        print(
            f"matched mlp, lr {rate}: validation {100 * record.metrics['validation_average_accuracy']:.2f}", flush=True
        )


def main() -> None:
    """Do what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, default=Path("runs/seed-models"), help="folder of runs")
    asked = parser.add_mutually_exclusive_group()
    asked.add_argument("--table", action="store_true", help="train nothing, print what the store holds")
    asked.add_argument("--choose", action="store_true", help="judge rates of the matched networks on validation data")
    arguments = parser.parse_args()
    if arguments.choose:
        choose()
        return
    if not arguments.table:
        train_all(arguments.store)
    stored = index(arguments.store)
    print_models(stored, arguments.store)
    print_streams(stored)


if __name__ == "__main__":
    main()
