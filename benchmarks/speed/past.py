"""Section 3: growth with the past."""

from __future__ import annotations

import gc
import multiprocessing
import statistics
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch
from measure import Claim, Row, Section
from peak import forget_peak, peak_mib
from subjects import Size, digits, own, stream_of, timed

from morph_cl.bridge.accounting import memory_use
from morph_cl.engine.quiet import quiet_libraries

STRATEGIES = ("replay", "der", "morph")
MOMENTS = (1, 2, 10, 50, 100, 200)
BARE = (
    "none: the second experience is what later ones are held against (the first has no memory yet). "
    "MiB peak: of a process for the strategy alone, interpreter and libraries and the whole stream included"
)
_SAMPLES, _WINDOW = 1_000, 2


@dataclass(frozen=True)
class Growth:
    """What became of a strategy, experience by experience.

    Args:
        seconds: of training.
        held: bytes that the strategy holds.
        peaks: MiB that its process had in memory at the most since the stream was built; before the first experience,
            then after each.
        asleep: seconds of training that were sleep, 0 where an experience ended without; empty where a strategy never
            sleeps.
    """

    seconds: list[float]
    held: list[int]
    peaks: list[float]
    asleep: list[float]

    @property
    def awake(self) -> list[float]:
        """Seconds of training without sleep."""
        return [whole - part for whole, part in zip(self.seconds, self.asleep, strict=True)]


def grow(name: str, size: Size, threads: int) -> Growth:
    """Train on experience after experience, each of the same digits turned and shifted in its own way.

    Args:
        name: of the strategy.
        size: how much.
        threads: of torch.
    """
    torch.set_num_threads(threads)
    x, y = digits(samples(size))
    parts = [(torch.rot90(x, number % 4, (2, 3)).roll(number // 4, 3), y) for number in range(size.experiences)]
    stream = stream_of(parts, [(x[:10], y[:10])] * size.experiences)
    torch.manual_seed(0)
    with quiet_libraries():
        return _trained(own(name, stream), stream)


def _trained(strategy: Any, stream: Any) -> Growth:
    gc.collect()
    forget_peak()
    found = Growth([], [], [peak_mib()], [])
    sleep, naps = getattr(strategy, "sleep", None), []
    if sleep is not None:
        strategy.sleep = lambda: naps.append(timed(sleep))
    for experience in stream.benchmark.train_stream:
        found.seconds.append(timed(lambda e=experience: strategy.train(e, eval_streams=[])))
        if sleep is not None:
            found.asleep.append(sum(naps))
            naps.clear()
        found.held.append(memory_use(strategy).total_bytes)
        found.peaks.append(peak_mib())
    return found


def samples(size: Size) -> int:
    """Digits of an experience.

    Args:
        size: how much is run.
    """
    return 200 if size.quick else _SAMPLES


def around(seconds: list[float], number: int) -> float:
    """Median over the experiences near one, the first left out of all others' medians.

    Args:
        seconds: by experience.
        number: from 1.
    """
    if number == 1:
        return seconds[0]
    first = max(1, number - 1 - _WINDOW)
    return statistics.median(seconds[first : max(number + _WINDOW, first + 1)])


def lately(seconds: list[float]) -> list[float]:
    """The last tenth, at least one: MORPH sleeps in some of the experiences only.

    Args:
        seconds: by experience.
    """
    return seconds[-max(1, len(seconds) // 10) :]


def measure(size: Size) -> Section:
    """Experiences of 1,000 digits; each strategy in a fresh process, whose peak is its own.

    Args:
        size: how much.
    """
    moments = [moment for moment in MOMENTS if moment <= size.experiences]
    fresh = multiprocessing.get_context("spawn")
    rows = []
    for name in size.of(STRATEGIES):
        with ProcessPoolExecutor(1, mp_context=fresh) as process:
            found = process.submit(grow, name, size, torch.get_num_threads()).result()
        rows.append(_row(name, found, moments))
        if found.asleep:
            rows.append(_awake(name, found, moments))
    title = f"seconds of an experience of {samples(size):,} digits, as experiences go by"
    return Section("past", title, BARE, tuple(rows))


def _awake(name: str, found: Growth, moments: list[int]) -> Row:
    shown = {f"at {moment}": around(found.awake, moment) for moment in moments}
    claim = Claim(f"at {moments[-1]} / at 2", shown[f"at {moments[-1]}"] / shown["at 2"])
    return Row(f"{name}, without its sleep", shown, (claim,), {"every experience": found.awake})


def _row(name: str, found: Growth, moments: list[int]) -> Row:
    shown = {f"at {moment}": around(found.seconds, moment) for moment in moments}
    last, tenth = moments[-1], lately(found.seconds)
    claims = (
        Claim(f"at {last} / at 2", shown[f"at {last}"] / shown["at 2"], 1.2),
        Claim(f"mean of the last {len(tenth)} / at 2", statistics.mean(tenth) / shown["at 2"], 1.2),
        Claim("MB held at 2", found.held[1] / 1e6),
        Claim(f"MB held at {last}", found.held[-1] / 1e6),
        Claim("MiB peak, untrained", found.peaks[0]),
        Claim("MiB peak at 2", found.peaks[2]),
        Claim(f"MiB peak at {last}", found.peaks[-1]),
    )
    return Row(name, shown, claims, {"every experience": found.seconds})
