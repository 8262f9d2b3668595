"""Section 3: growth with the past."""

from __future__ import annotations

import gc
import resource
import statistics
from typing import Any

import torch
from measure import Claim, Row, Section
from subjects import Size, digits, own, stream_of, timed

from morph_cl.bridge.accounting import memory_use

STRATEGIES = ("replay", "der", "morph")
MOMENTS = (1, 2, 10, 50, 100, 200)
BARE = "none: the second experience is what later ones are held against (the first has no memory yet)"
_SAMPLES, _WINDOW = 1_000, 2


def seconds_by_experience(strategy: Any, stream: Any) -> tuple[list[float], list[int]]:
    """Train experience by experience.

    Args:
        strategy: fresh.
        stream: what to train on.

    Returns:
        Seconds, and bytes held, after each.
    """
    seconds, held = [], []
    for experience in stream.benchmark.train_stream:
        seconds.append(timed(lambda e=experience: strategy.train(e, eval_streams=[])))
        held.append(memory_use(strategy).total_bytes)
    return seconds, held


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


def measure(size: Size) -> Section:
    """Experiences of 1,000 digits, each turned and shifted in its own way.

    Args:
        size: how much.
    """
    x, y = digits(_SAMPLES if not size.quick else 200)
    parts = [(torch.rot90(x, number % 4, (2, 3)).roll(number // 4, 3), y) for number in range(size.experiences)]
    stream = stream_of(parts, [(x[:10], y[:10])] * size.experiences)
    moments = [moment for moment in MOMENTS if moment <= size.experiences]
    rows = []
    for name in STRATEGIES:
        torch.manual_seed(0)
        gc.collect()
        seconds, held = seconds_by_experience(own(name, stream), stream)
        shown = {f"at {moment}": around(seconds, moment) for moment in moments}
        last = moments[-1]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        claims = (
            Claim(f"at {last} / at 2", shown[f"at {last}"] / shown["at 2"], 1.2),
            Claim("MB held at 2", held[1] / 1e6),
            Claim(f"MB held at {last}", held[-1] / 1e6),
            Claim("MiB peak of this process so far", peak),
        )
        rows.append(Row(name, shown, claims, {"every experience": seconds}))
    return Section("past", f"seconds of an experience of {len(y):,} digits, as experiences go by", BARE, tuple(rows))
