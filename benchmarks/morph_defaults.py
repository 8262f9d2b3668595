"""MORPH's defaults against their neighbours, judged on validation data: prints a table.

Each row changes one option. The streams have seeds that no other figure in this project uses, and the test data plays
no part: a tenth of each experience's training data is held out and judged on.

::

    MORPH_CL_DATA=... python benchmarks/morph_defaults.py
    MORPH_CL_DATA=... python benchmarks/morph_defaults.py --only novelty top_k
"""

from __future__ import annotations

import argparse
import statistics
from typing import Any

import morph_cl

CANDIDATES: dict[str, list[Any]] = {
    "modes": [1, 8, 16],
    "dims": [24, 64],
    "margin": [4, 1_000],
    "novelty": [0.05, 0.3],
    "surprise": [0, 8],
    "patience": [1, 5],
    "top_k": [1, 3],
    "holdout": [0.01, 0.05],
    "sleep_steps": [0, 100],
    "bound": [0, 0.01],
    "loss_bound": [0, 0.1],
    "merge_agreement": [0.95],
    "clone": ["newest", "scratch"],
    "lr": [1e-3],
    "memory_bits": [8],
    "shared": [True],
    "replay": [0],
}
"""Neighbours of the defaults; ``morph-cl show strategy morph`` prints those."""

STREAMS: list[tuple[str, dict[str, Any]]] = [
    (
        "rotated",
        {
            "scenario": "rotated-mnist",
            "epochs": 2,
            "options": {"rotated-mnist": {"experiences": 8, "spread": "random", "train_size": 6_000}},
        },
    ),
    ("split", {"scenario": "split-mnist", "setting": "class", "epochs": 1, "options": {}}),
]


def judge(options: dict[str, Any], seeds: list[int]) -> list[float]:
    """Mean validation accuracy on each stream.

    Args:
        options: options of MORPH that differ from its defaults.
        seeds: seeds of the streams.

    Returns:
        One figure a stream, in per cent.
    """
    figures = []
    for _, stream in STREAMS:
        settings = {**stream, "options": {**stream["options"], "morph": options}}
        records = [
            morph_cl.run(strategy="morph", dataset="mnist", validation=0.1, seed=seed, store=None, **settings)
            for seed in seeds
        ]
        figures.append(100 * statistics.mean(r.metrics["validation_average_accuracy"] for r in records))
    return figures


def main() -> None:
    """Judge the defaults and every candidate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=list(CANDIDATES), choices=CANDIDATES, help="options to vary")
    parser.add_argument("--seeds", type=int, nargs="*", default=[100, 101], help="seeds of the streams")
    arguments = parser.parse_args()
    print(f"{'option':<26}" + "".join(f"{name:>10}" for name, _ in STREAMS) + f"{'mean':>10}", flush=True)
    rows: list[tuple[str, dict[str, Any]]] = [("(defaults)", {})]
    for name in arguments.only:
        rows += [(f"{name}={value}", {name: value}) for value in CANDIDATES[name]]
    for label, options in rows:
        figures = judge(options, arguments.seeds)
        line = f"{label:<26}" + "".join(f"{figure:10.2f}" for figure in figures)
        print(f"{line}{statistics.mean(figures):10.2f}", flush=True)


if __name__ == "__main__":
    main()
