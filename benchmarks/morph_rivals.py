"""The rivals' settings in the study at equal bytes, judged on validation data: prints a table.

Each row is one way to set a rival; the best row of a stream is what ``benchmarks/morph_study`` gives it there. The
streams are small and have seeds that no other figure in this project uses, and the test data plays no part: a tenth of
each experience's training data is held out and judged on. Memories are about the share of the stream that they are in
the study.

::

    MORPH_CL_DATA=... python benchmarks/morph_rivals.py
    MORPH_CL_DATA=... python benchmarks/morph_rivals.py --only der --streams rotated --seeds 100 101
"""

from __future__ import annotations

import argparse
import statistics
from typing import Any

import morph_cl

STREAMS: dict[str, dict[str, Any]] = {
    "rotated": {
        "scenario": "rotated-mnist",
        "options": {"rotated-mnist": {"experiences": 8, "spread": "random", "train_size": 12_000}},
    },
    "permuted": {
        "scenario": "permuted-mnist",
        "options": {"permuted-mnist": {"experiences": 5, "train_size": 12_000}},
    },
    "class": {"scenario": "split-mnist", "setting": "class", "options": {}},
    "domain": {"scenario": "split-mnist", "setting": "domain", "options": {}},
    "task": {"scenario": "split-mnist", "setting": "task", "options": {}},
}

ADAM = {"optimizer": "adam", "lr": 0.001}
SGD = {"lr": 0.2}
WIDE: dict[str, Any] = {"hidden": [256, 256]}

CANDIDATES: dict[str, list[dict[str, Any]]] = {
    "der": [
        *(ADAM | {"alpha": alpha, "beta": beta} for alpha, beta in ((0.5, 0.5), (1.0, 0.5), (0.5, 1.0))),
        SGD | {"alpha": 0.5, "beta": 1.0},
        # What 2.5 MB hold: many samples beside a narrow network, or fewer beside a wide one.
        ADAM | {"alpha": 0.5, "beta": 1.0, "hidden": [100, 100], "mem_size": 2_400},
        ADAM | {"alpha": 0.5, "beta": 1.0, "hidden": [256, 256], "mem_size": 1_090},
    ],
    "replay": [ADAM, ADAM | {"batch_size_mem": 256}, SGD],
    "ewc": [
        *(ADAM | {"ewc_lambda": strength} for strength in (20, 200, 2_000, 20_000)),
        *({"lr": 0.1, "ewc_lambda": strength} for strength in (20, 100)),
    ],
    "joint": [ADAM, SGD],
}
"""What differs from one row to the next."""

SHARED: dict[str, dict[str, Any]] = {
    "der": WIDE | {"mem_size": 2_000, "ema": 0.999},
    "replay": WIDE | {"mem_size": 2_000, "ema": 0.999},
    "ewc": WIDE | {"mode": "online"},
    "joint": WIDE,
}
"""What all rows of a rival have."""


def judge(strategy: str, options: dict[str, Any], stream: dict[str, Any], seeds: list[int]) -> float:
    """Mean validation accuracy.

    Args:
        strategy: the rival.
        options: its options.
        stream: scenario, setting and options of the stream.
        seeds: seeds of the streams.

    Returns:
        Per cent.
    """
    settings = {"dataset": "mnist", "epochs": 1, "validation": 0.1, "store": None, "threads": 1} | stream
    settings["options"] = stream["options"] | {strategy: options}
    records = [morph_cl.run(strategy=strategy, seed=seed, **settings) for seed in seeds]
    return 100 * statistics.mean(record.metrics["validation_average_accuracy"] for record in records)


def main() -> None:
    """Judge every candidate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=list(CANDIDATES), choices=CANDIDATES, help="rivals to judge")
    parser.add_argument("--streams", nargs="+", default=list(STREAMS), choices=STREAMS, help="streams to judge on")
    parser.add_argument("--seeds", type=int, nargs="+", default=[100], help="seeds of the streams")
    arguments = parser.parse_args()
    print(f"{'rival':<92}" + "".join(f"{name:>10}" for name in arguments.streams), flush=True)
    for strategy in arguments.only:
        for candidate in CANDIDATES[strategy]:
            label = f"{strategy} " + " ".join(f"{name}={value}" for name, value in candidate.items())
            figures = [
                judge(strategy, SHARED[strategy] | candidate, STREAMS[name], arguments.seeds)
                for name in arguments.streams
            ]
            print(f"{label:<92}" + "".join(f"{figure:10.2f}" for figure in figures), flush=True)


if __name__ == "__main__":
    main()
