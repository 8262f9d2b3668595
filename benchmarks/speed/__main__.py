"""How fast morph-cl is beside a bare PyTorch loop and stock Avalanche: prints a table a section.

The sides of a comparison take turns, and a ratio is the median of the rounds' ratios. Full MNIST is taken where it
lies (MORPH_CL_DATA), else the 5,000 digits that come along, repeated. Nothing here passes or fails.

::

    python benchmarks/speed                                   # everything: about an hour
    python benchmarks/speed --quick                           # the same tables of tiny work: about three minutes
    python benchmarks/speed --sections training morph --rounds 5 --threads 1 --json speed.json
    python benchmarks/speed --sections training --strategies naive
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import commands
import morph
import past
import scaling
import torch
import training
from measure import Section
from rich.console import Console
from subjects import Size
from tables import as_json, print_section

from morph_cl.engine.quiet import quiet_libraries

SECTIONS: dict[str, Callable[[Size], Section]] = {
    "training": training.measure,
    "morph": morph.measure,
    "past": past.measure,
    "jobs": commands.measure_jobs,
    "start": commands.measure_start,
    "scaling": scaling.measure,
}


def main(arguments: Sequence[str] | None = None) -> list[Section]:
    """Measure what is asked for, and print it.

    Args:
        arguments: of the command; None takes the process's.

    Returns:
        What was measured.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS), metavar="SECTION",
                        help=f"of {', '.join(SECTIONS)}; all by default")  # fmt: skip
    parser.add_argument("--rounds", type=int, help="how often each side runs: 3, or 1 with --quick")
    parser.add_argument("--quick", action="store_true", help="tiny work: shows the tables, not the speed")
    parser.add_argument("--digits", type=int, help="of an experience of training and scaling: 60,000 by default")
    parser.add_argument("--strategies", nargs="+", choices=training.STRATEGIES, default=[], metavar="STRATEGY",
                        help=f"of training and past, of {', '.join(training.STRATEGIES)}; all by default")  # fmt: skip
    parser.add_argument("--threads", type=int, default=1, help="threads of torch; 1 by default")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write everything, every round, as JSON")
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    small = {"train": 2_000, "test": 500, "experiences": 10, "quick": True} if given.quick else {}
    small |= {"train": given.digits} if given.digits else {}
    size = Size(given.rounds or (1 if given.quick else 3), only=tuple(given.strategies), **small)
    console, sections = Console(), []
    with quiet_libraries():
        for name in given.sections:
            sections.append(SECTIONS[name](size))
            print_section(console, sections[-1])
    if given.json is not None:
        facts = {"torch": torch.__version__, "threads": given.threads, "rounds": size.rounds, "digits": size.train}
        given.json.write_text(json.dumps({**facts, "sections": as_json(sections)}, indent=2), encoding="utf-8")
    return sections


if __name__ == "__main__":
    main()
