"""MORPH against its rivals at equal bytes, on full MNIST: trains what the store lacks, then prints a table a protocol.

A run that the store holds with the same configuration is not run again; one that was interrupted goes on from its last
checkpoint. So the program may be stopped at any time, and several processes may share the work.

::

    MORPH_CL_DATA=... python benchmarks/morph_study
    MORPH_CL_DATA=... python benchmarks/morph_study --protocols der-20 split-class --strategies naive der --seeds 0 1
    python benchmarks/morph_study --table
"""

from __future__ import annotations

import argparse
import gc
import time
from pathlib import Path

from protocols import ENTRIES, PROTOCOLS, SEEDS, configuration
from table import print_table

import morph_cl
from morph_cl import RunConfig
from morph_cl.engine.kept import identity, index


def work_on(config: RunConfig, store: Path) -> str:
    """See to it that a run is done, unless another process is at it.

    Args:
        config: the run.
        store: the folder of runs.

    Returns:
        What was done about it, for the log.
    """
    stored = index(store)[identity(config)]
    states = {status for status, _ in stored}
    if "finished" in states:
        return "is in the store"
    if "running" in states:
        return "is being run by another process"
    started = time.perf_counter()
    begun = [folder for status, folder in stored if status == "interrupted" and any(folder.checkpoint.glob("*"))]
    if begun:
        record = morph_cl.resume(begun[0].run_id, store=store, data_root=config.data_root)
    else:
        record = morph_cl.run_config(config, store=store)
    gc.collect()  # Avalanche's strategies are reference cycles that hold whole data sets
    minutes = (time.perf_counter() - started) / 60
    return f"average accuracy {100 * record.metrics['average_accuracy']:.2f}, {minutes:.1f} min"


def main() -> None:
    """Run what is asked for and not yet done, then print what is done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--protocols", nargs="+", default=list(PROTOCOLS), choices=PROTOCOLS, metavar="NAME")
    parser.add_argument("--strategies", nargs="+", default=list(ENTRIES), choices=ENTRIES, metavar="NAME")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS), help="0 to 4 by default")
    parser.add_argument("--store", type=Path, default=Path("runs/morph-study"), help="folder of runs")
    parser.add_argument("--table", action="store_true", help="train nothing, print what the store holds")
    arguments = parser.parse_args()
    for protocol in () if arguments.table else arguments.protocols:
        for name in arguments.strategies:
            for seed in arguments.seeds:
                outcome = work_on(configuration(protocol, name, seed), arguments.store)
                print(f"{protocol} {name} seed {seed}: {outcome}", flush=True)
    runs = index(arguments.store)
    for protocol in arguments.protocols:
        print_table(protocol, arguments.strategies, arguments.seeds, runs)


if __name__ == "__main__":
    main()
