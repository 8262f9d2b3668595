"""The baselines against their sources and against each other: prints a table.

::

    python benchmarks/baselines.py published --seeds 5    # DER, DER++ and fine-tuning on der-20, beside the paper
    python benchmarks/baselines.py five-angles            # all of them on rotated MNIST, five angles
    python benchmarks/baselines.py split-mnist            # all of them on split MNIST, class-incremental
    python benchmarks/baselines.py speed                  # seconds for an experience of 60,000 images
    python benchmarks/baselines.py ewc                    # the weight of its penalty, judged on validation data
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Iterable
from typing import Any

import morph_cl

STRATEGIES = ["naive", "joint", "replay", "ewc", "lwf", "si", "agem", "gem", "gdumb", "icarl", "er-ace", "mir", "der"]

# Buzzega et al., NeurIPS 2020, rotated MNIST, mean of ten runs.
PUBLISHED: list[tuple[str, str, dict[str, Any], float]] = [
    ("SGD", "naive", {}, 0.6766),
    ("DER++, 200", "der", {"mem_size": 200, "lr": 0.1, "alpha": 1.0, "beta": 0.5}, 0.9043),
    ("DER++, 500", "der", {"mem_size": 500, "lr": 0.2, "alpha": 0.5, "beta": 1.0}, 0.9277),
    ("DER++, 5120", "der", {"mem_size": 5120, "lr": 0.2, "alpha": 0.5, "beta": 0.5}, 0.9465),
]


def published(seeds: int) -> None:
    """Average accuracy on der-20 beside the published one."""
    print(f"{'method':<12} {'published':>9} {'here':>7} {'std':>7}  of each seed")
    for label, strategy, options, figure in PUBLISHED:
        records = morph_cl.compare(
            "rotated-mnist",
            [strategy],
            preset="der-20",
            dataset="mnist",
            seeds=seeds,
            store=None,
            options={strategy: options},
        )
        found = [record.metrics["average_accuracy"] for record in records]
        each = " ".join(f"{value:.4f}" for value in found)
        print(f"{label:<12} {figure:9.4f} {statistics.mean(found):7.4f} {_deviation(found):7.4f}  {each}", flush=True)


def five_angles(seeds: int) -> None:
    """All that know the domain setting, on five angles."""
    names = [name for name in STRATEGIES if name != "icarl"]
    _table(names, seeds, scenario="rotated-mnist", preset="five-angles")


def split_mnist(seeds: int) -> None:
    """All of them, class by class."""
    _table(STRATEGIES, seeds, scenario="split-mnist", setting="class")


def speed(seeds: int) -> None:
    """Seconds for the third experience of 60,000 images, when there is a memory or a penalty."""
    names = [name for name in STRATEGIES if name != "icarl"]
    print(f"{'strategy':<8} {'seconds':>8} {'x naive':>8}")
    base = None
    for name in names:
        records = morph_cl.compare(
            "rotated-mnist",
            [name],
            dataset="mnist",
            epochs=1,
            seeds=seeds,
            store=None,
            options={"rotated-mnist": {"angles": [0, 40, 80]}},
        )
        seconds = min(record.timing.train_seconds_by_experience[2] for record in records)
        base = base or seconds
        print(f"{name:<8} {seconds:8.2f} {seconds / base:8.1f}", flush=True)


def ewc(seeds: int) -> None:
    """Mean validation accuracy by the weight of EWC's penalty, on seeds from 100 that no other figure uses."""
    streams: list[dict[str, Any]] = [{}, {"angles": [0, 15, 30, 45, 60]}]
    print(f"{'ewc_lambda':<10} {'0..144':>8} {'0..60':>8} {'mean':>8}")
    for strength in (1, 5, 10, 20, 40):
        found = []
        for stream in streams:
            records = morph_cl.compare(
                "rotated-mnist",
                ["ewc"],
                dataset="mnist-5k",
                validation=0.1,
                seeds=range(100, 100 + seeds),
                store=None,
                options={"rotated-mnist": stream, "ewc": {"ewc_lambda": strength}},
            )
            found.append(statistics.mean(record.metrics["validation_average_accuracy"] for record in records))
        print(f"{strength:<10} {found[0]:8.4f} {found[1]:8.4f} {statistics.mean(found):8.4f}", flush=True)


def _table(names: Iterable[str], seeds: int, **settings: Any) -> None:
    print(f"{'strategy':<8} {'accuracy':>8} {'std':>7} {'forgetting':>10} {'MB':>7} {'seconds':>8}")
    for name in names:
        records = morph_cl.compare(strategies=[name], dataset="mnist", seeds=seeds, store=None, **settings)
        accuracy = [record.metrics["average_accuracy"] for record in records]
        forgetting = statistics.mean(record.metrics["forgetting"] for record in records)
        megabytes = records[0].memory.total_bytes / 1e6
        seconds = statistics.mean(record.timing.train_seconds for record in records)
        print(
            f"{name:<8} {statistics.mean(accuracy):8.4f} {_deviation(accuracy):7.4f} {forgetting:10.4f} "
            f"{megabytes:7.2f} {seconds:8.1f}",
            flush=True,
        )


def _deviation(values: list[float]) -> float:
    return statistics.stdev(values) if len(values) > 1 else float("nan")


STUDIES: dict[str, Callable[[int], None]] = {
    "published": published,
    "five-angles": five_angles,
    "split-mnist": split_mnist,
    "speed": speed,
    "ewc": ewc,
}


def main() -> None:
    """Run one study; the data lies where ``MORPH_CL_DATA`` says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", choices=STUDIES)
    parser.add_argument("--seeds", type=int, default=1, help="seeds, counted from 0")
    arguments = parser.parse_args()
    STUDIES[arguments.study](arguments.seeds)


if __name__ == "__main__":
    main()
