"""Sections 4 and 5: whole jobs and start-up, as processes of their own."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from measure import Claim, Row, Section, Way, alternate, row
from subjects import Size

_CLI = ("-c", "import sys; from morph_cl.cli.main import main; sys.exit(main(sys.argv[1:]))")
_LIBRARIES = ("-c", "import torch, avalanche.training.templates")


def process(arguments: Sequence[str]) -> Way:
    """A run of this Python.

    Args:
        arguments: of the interpreter.

    Returns:
        A way; it raises where the process fails.
    """

    def run() -> float:
        started = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        return time.perf_counter() - started

    return run


def command(*arguments: str) -> Way:
    """A run of ``morph-cl``.

    Args:
        arguments: of the command.
    """
    return process([*_CLI, *arguments])


def measure_jobs(size: Size) -> Section:
    """Each job once.

    Args:
        size: how much.
    """
    short = ["--dataset", "digits", "--epochs", "1", "-o", "rotated-mnist.experiences=2"] if size.quick else []
    cores = os.cpu_count() or 1
    full = short or ["--dataset", "mnist", "--preset", "der-20", "--threads", str(cores)]
    names = "naive,replay" if size.quick else "morph,naive,replay,ewc,joint"
    jobs = {
        "make demo": (["compare", "rotated-mnist", "--strategies", names, "--seeds", "2", *short], None),
        f"morph on der-20, full MNIST, {cores} threads": (["run", "rotated-mnist", "-s", "morph", *full], 90.0),
        "the same, five seeds": (["compare", "rotated-mnist", "--strategies", "morph", "--seeds", "5", *full], None),
    }
    rows = []
    for name, (arguments, reach) in jobs.items():
        seconds = command(*arguments, "--no-store", "--quiet")()
        name += ", two experiences of 8x8 digits instead" if size.quick else ""
        rows.append(Row(name, {"ours": seconds}, (Claim("seconds", seconds, None if size.quick else reach),)))
    return Section("jobs", "seconds of whole commands, start and evaluation included", "none", tuple(rows))


def measure_start(size: Size) -> Section:
    """Commands that answer at once, and a run with hardly anything to do.

    Args:
        size: how much.
    """
    with tempfile.TemporaryDirectory() as folder:
        runs = ["--runs-dir", str(Path(folder) / "runs")]
        empty = ["run", "rotated-mnist", "-s", "naive", "--dataset", "digits", "--epochs", "1", "--quiet"]
        empty += ["-o", "rotated-mnist.angles=[0]", *runs]
        command(*empty)()
        ways = {
            "--help": command("--help"),
            "list": command("list"),
            "compare of stored runs": command("compare", "latest", *runs),
            "empty run": command(*empty, "--no-store"),
            "bare": process(_LIBRARIES),
        }
        found = alternate(ways, size.rounds)
    rows = [
        Row(name, {"ours": median}, (Claim("seconds", median, 1.0),), {"ours": found[name]})
        for name in ("--help", "list", "compare of stored runs")
        for median in [statistics.median(found[name])]
    ]
    pair = {"ours": found["empty run"], "bare": found["bare"]}
    rows.append(row("a run with hardly anything to do", pair, ("ours", "bare", 1.5, False)))
    return Section(
        "start", "seconds from the command to its end", "import torch, avalanche.training.templates", tuple(rows)
    )
