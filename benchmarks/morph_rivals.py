"""The rivals' settings in the study at equal bytes, judged on validation data: prints a table.

Each row is one way to set a rival. The streams have seeds that no other figure in this project uses, and the test data
plays no part: a tenth of each experience's training data is held out and judged on. The memories of the first groups
are about the share of the stream that they are in the study; those of the others are what the limit leaves room for.

::

    MORPH_CL_DATA=... python benchmarks/morph_rivals.py
    MORPH_CL_DATA=... python benchmarks/morph_rivals.py --only der-1.0MB replay-1.0MB --streams long --seeds 101 102
    MORPH_CL_DATA=... python benchmarks/morph_rivals.py --only der-2.5MB --streams class --seeds 100 101
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import dataclass
from typing import Any

import morph_cl

STREAMS: dict[str, dict[str, Any]] = {
    "rotated": {
        "scenario": "rotated-mnist",
        "options": {"rotated-mnist": {"experiences": 8, "spread": "random", "train_size": 12_000}},
    },
    "long": {
        "scenario": "rotated-mnist",
        "options": {"rotated-mnist": {"experiences": 6, "spread": "random"}},
    },
    "permuted": {
        "scenario": "permuted-mnist",
        "options": {"permuted-mnist": {"experiences": 5, "train_size": 12_000}},
    },
    "class": {"scenario": "split-mnist", "setting": "class", "options": {}},
    "domain": {"scenario": "split-mnist", "setting": "domain", "options": {}},
    "task": {"scenario": "split-mnist", "setting": "task", "options": {}},
}

Options = dict[str, Any]

ADAM: Options = {"optimizer": "adam", "lr": 0.001}
SGD: Options = {"lr": 0.2}
WIDE: Options = {"hidden": [256, 256]}
AVERAGE: Options = {"ema": 0.999}
HALF: Options = AVERAGE | {"ema_half": True}
DER: Options = ADAM | {"alpha": 0.5, "beta": 1.0, "logits": "float16", "batch_size_mem": 256}


@dataclass(frozen=True)
class Group:
    """Rows that compete.

    Args:
        strategy: the rival.
        shared: options that all rows have.
        rows: options that differ.
    """

    strategy: str
    shared: Options
    rows: list[Options]


GROUPS: dict[str, Group] = {
    "der": Group(
        "der",
        WIDE | AVERAGE | {"mem_size": 2_000},
        [
            *(ADAM | {"alpha": alpha, "beta": beta} for alpha, beta in ((0.5, 0.5), (1.0, 0.5), (0.5, 1.0))),
            ADAM | {"alpha": 0.5, "beta": 1.0, "batch_size_mem": 256},
            SGD | {"alpha": 0.5, "beta": 1.0},
        ],
    ),
    "replay": Group("replay", WIDE | AVERAGE | {"mem_size": 2_000}, [ADAM, ADAM | {"batch_size_mem": 256}, SGD]),
    "ewc": Group(
        "ewc",
        WIDE | {"mode": "online"},
        [
            *(ADAM | {"ewc_lambda": strength} for strength in (20, 200, 2_000, 20_000, 200_000)),
            *({"lr": 0.1, "ewc_lambda": strength} for strength in (20, 100)),
        ],
    ),
    "joint": Group("joint", WIDE, [ADAM, SGD]),
    "der-2.5MB": Group(
        "der",
        DER | HALF,
        [
            {"hidden": [100, 100], "mem_size": 2_400},
            {"hidden": [160, 160], "mem_size": 1_900},
            WIDE | {"mem_size": 1_090},
        ],
    ),
    "der-1.0MB": Group(
        "der",
        DER,
        [
            HALF | {"hidden": [100, 100], "mem_size": 570},
            {"hidden": [128, 128], "mem_size": 649},
            {"hidden": [160, 160], "mem_size": 476},
        ],
    ),
    "replay-1.0MB": Group(
        "replay",
        ADAM | {"batch_size_mem": 256},
        [HALF | {"hidden": [100, 100], "mem_size": 578}, {"hidden": [128, 128], "mem_size": 659}],
    ),
}


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
    parser.add_argument("--only", nargs="+", default=list(GROUPS), choices=GROUPS, help="groups of rows to judge")
    parser.add_argument("--streams", nargs="+", default=list(STREAMS), choices=STREAMS, help="streams to judge on")
    parser.add_argument("--seeds", type=int, nargs="+", default=[100], help="seeds of the streams")
    arguments = parser.parse_args()
    print(f"{'rival':<84}" + "".join(f"{name:>10}" for name in arguments.streams), flush=True)
    for name in arguments.only:
        group = GROUPS[name]
        for row in group.rows:
            label = f"{name} " + " ".join(f"{option}={value}" for option, value in row.items())
            figures = [
                judge(group.strategy, group.shared | row, STREAMS[stream], arguments.seeds)
                for stream in arguments.streams
            ]
            print(f"{label:<84}" + "".join(f"{figure:10.2f}" for figure in figures), flush=True)


if __name__ == "__main__":
    main()
