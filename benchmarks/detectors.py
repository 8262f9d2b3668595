"""Delays and false alarms of every registered drift detector: on figures drawn from known distributions, and in a run.

python benchmarks/detectors.py --seeds 10
python benchmarks/detectors.py --seeds 10 --only adwin,ddm
python benchmarks/detectors.py --seeds 10 --steady .05,.2,.4,.5,.6,.8
python benchmarks/detectors.py --seeds 3 --run --angles 0,90,180,270
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from rich.console import Console
from rich.table import Table

import morph_cl
from morph_cl.catalog import load_catalog

STILL = 10_000
BEFORE = 2_000
WITHIN = 500
_DIMS = 32

Draw = Callable[[random.Random], Any]


def error(rate: float) -> Draw:
    """1 with a probability of ``rate``, else 0."""
    return lambda source: int(source.random() < rate)


def loss(mean: float) -> Draw:
    """An exponential figure: the cross-entropies of a classifier have such a tail."""
    return lambda source: source.expovariate(1 / mean)


def vector(shift: float) -> Draw:
    """Independent normal features, all of them moved by ``shift`` standard deviations."""
    return lambda source: [source.gauss(shift, 1) for _ in range(_DIMS)]


CASES: dict[str, tuple[Draw, tuple[Draw, ...]]] = {
    "error .05, then .60 or .15": (error(0.05), (error(0.60), error(0.15))),
    "loss .15, then 1.8 or .45": (loss(0.15), (loss(1.8), loss(0.45))),
    "32 features, moved 1 or .3 sd": (vector(0.0), (vector(1.0), vector(0.3))),
}
"""What each kind of figures is drawn from before a drift, and after a large or a small one."""
KINDS = {"error": 0, "loss": 1, "features": 2}


def alarms(detector: Any, figures: Iterator[Any]) -> list[int]:
    """After how many figures, counted from 0, the detector alarms; it is reset after each alarm."""
    found = []
    for number, figure in enumerate(figures):
        detector.update(figure)
        if detector.drift_detected:
            found.append(number)
            detector.reset()
    return found


def endless(draw: Draw, seed: int) -> Iterator[Any]:
    """Figures of one distribution."""
    source = random.Random(seed)
    while True:
        yield draw(source)


def delay(build: Callable[[], Any], before: Draw, after: Draw, seed: int) -> int | None:
    """Figures from the drift to the first alarm, the one that alarms counted; None where there is none in time."""
    detector = build()
    alarms(detector, islice(endless(before, seed), BEFORE))
    found = alarms(detector, islice(endless(after, 1_000 + seed), WITHIN))
    return found[0] + 1 if found else None


def measure(name: str, kind: str, seeds: int) -> tuple[str, ...]:
    """One row: false alarms in 10,000 figures, then mean delay and misses of a large and of a small drift."""
    catalog = load_catalog()

    def build() -> Any:
        return catalog.build_detector(name, {}, kind)

    before, drifts = tuple(CASES.values())[KINDS[kind]]
    started = time.perf_counter()
    false = [len(alarms(build(), islice(endless(before, seed), STILL))) for seed in range(seeds)]
    microseconds = (time.perf_counter() - started) / (seeds * STILL) * 1e6
    row = [name, kind, f"{sum(false) / seeds:.1f}", str(max(false))]
    for after in drifts:
        delays = [delay(build, before, after, seed) for seed in range(seeds)]
        noticed = [number for number in delays if number is not None]
        row += [f"{sum(noticed) / len(noticed):.0f}" if noticed else "-", f"{seeds - len(noticed)}/{seeds}"]
    return (*row, f"{microseconds:.0f}")


def steady_row(name: str, rates: Sequence[float], seeds: int) -> tuple[str, ...]:
    """One row: mean false alarms in 10,000 errors of each rate, which never changes."""
    catalog = load_catalog()

    def false(rate: float, seed: int) -> int:
        return len(alarms(catalog.build_detector(name, {}, "error"), islice(endless(error(rate), seed), STILL)))

    return (name, *(f"{sum(false(rate, seed) for seed in range(seeds)) / seeds:.1f}" for rate in rates))


def print_steady(names: Sequence[str], rates: Sequence[float], seeds: int) -> None:
    """Print the table of steady error rates."""
    table = Table(title=f"false alarms in {STILL:,} errors of a rate that stays, mean of {seeds} seeds")
    table.add_column("detector")
    for rate in rates:
        table.add_column(f"{rate:g}", justify="right")
    for name in names:
        if "error" in load_catalog().detectors.get(name).spec.watches:
            table.add_row(*steady_row(name, rates, seeds))
    Console().print(table)


def run_row(name: str, watch: str, seeds: int, angles: list[float]) -> tuple[str, ...]:
    """One row: what a detector attached to fine-tuning says of turned mnist-5k, in batches of 10."""
    options = {"rotated-mnist": {"angles": angles}, "periodic": {"every": 700}}
    delays: list[int] = []
    false = drifts = 0
    for seed in range(seeds):
        record = morph_cl.run(
            "rotated-mnist", "naive", dataset="mnist-5k", seed=seed, epochs=1, batch_size=10,
            threads=1, store=None, detector=name, watch=watch, options=options,
        )  # fmt: skip
        size = record.curve[-1].samples // record.experiences
        found = [event.detail["position"] for event in record.events if event.kind == "drift"]
        for start in range(size, size * record.experiences, size):
            drifts += 1
            near = [position - start + 1 for position in found if start <= position < start + WITHIN]
            delays += near[:1]
        false += sum(position < size or position % size >= WITHIN for position in found)
    mean = f"{sum(delays) / len(delays):.0f}" if delays else "-"
    return (name, watch, mean, f"{drifts - len(delays)}/{drifts}", f"{false / seeds:.1f}")


def print_runs(names: Sequence[str], seeds: int, angles: list[float]) -> None:
    """Print the table of runs."""
    table = Table(
        title=f"naive on mnist-5k at {len(angles)} angles, {seeds} seeds; noticed within {WITHIN} samples or missed"
    )
    for heading in ("detector", "told", "delay", "missed", "false/run"):
        table.add_column(heading, justify="left" if heading in ("detector", "told") else "right")
    for name in names:
        for watch in load_catalog().detectors.get(name).spec.watches:
            table.add_row(*run_row(name, watch, seeds, angles))
    Console().print(table)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--only", default="", help="detectors, with commas between")
    parser.add_argument("--steady", default="", help="error rates that stay, with commas between: count false alarms")
    parser.add_argument("--run", action="store_true", help="attach them to fine-tuning instead")
    parser.add_argument("--angles", default="0,90,180,270", help="of that run's experiences, in degrees")
    arguments = parser.parse_args()
    wanted = arguments.only.split(",") if arguments.only else load_catalog().detectors.names()
    if arguments.steady:
        print_steady(wanted, [float(rate) for rate in arguments.steady.split(",")], arguments.seeds)
        return
    if arguments.run:
        print_runs(wanted, arguments.seeds, [float(angle) for angle in arguments.angles.split(",")])
        return
    table = Table(title=f"{arguments.seeds} seeds; drift after {BEFORE:,} figures, noticed within {WITHIN} or missed")
    for heading in (
        "detector", "told", "false/10,000", "most", "delay, large", "missed", "delay, small", "missed", "us/figure"
    ):  # fmt: skip
        table.add_column(heading, justify="left" if heading in ("detector", "told") else "right")
    for name in wanted:
        watches = load_catalog().detectors.get(name).spec.watches
        for kind in KINDS:
            if kind in watches:
                table.add_row(*measure(name, kind, arguments.seeds))
    console = Console()
    console.print(table)
    for case in CASES:
        console.print(f"  {case}", highlight=False)


if __name__ == "__main__":
    main()
