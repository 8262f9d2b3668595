"""The figures that a strategy measures of itself at the end of a run."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import torch

from morph_cl.bridge.inspection import labelled_batches
from morph_cl.bridge.stream import Stream

_SNAKE_CASE = re.compile(r"[a-z][a-z0-9_]*")


def own_figures(strategy: Any, stream: Stream, batch_size: int) -> tuple[dict[str, float], list[str]]:
    """Ask a trained strategy for its own figures on the test data.

    Args:
        strategy: any Avalanche strategy; its model is left in evaluation mode.
        stream: the stream that it was trained on.
        batch_size: test images a batch.

    Returns:
        The figures by name, and one line for each that is not usable. A strategy without ``final_figures`` has none.
    """
    measure = getattr(strategy, "final_figures", None)
    if measure is None:
        return {}, []
    strategy.model.eval()
    try:
        with torch.no_grad():
            told = dict(measure(labelled_batches(stream, batch_size, strategy.device)))
    # A strategy may be foreign code: whatever it raises must not cost the run that was just finished.
    except Exception as error:
        return {}, [f"final figures of the strategy: {type(error).__name__}: {error}"]
    figures: dict[str, float] = {}
    problems: list[str] = []
    for name, value in told.items():
        try:
            figures[_checked_name(name)] = _checked_value(value)
        except (TypeError, ValueError) as error:
            problems.append(f"final figure {name!r} of the strategy is left out: {error}")
    return figures, problems


def join_figures(metrics: Mapping[str, float], own: Mapping[str, float]) -> tuple[dict[str, float], list[str]]:
    """Put a strategy's own figures beside those of the registered metrics.

    Args:
        metrics: the registered metrics' figures.
        own: the strategy's figures.

    Returns:
        All figures by name, and one line for each of the strategy's that has the name of a metric and is left out.
    """
    taken = sorted(metrics.keys() & own.keys())
    problems = [
        f"final figure {name!r} of the strategy is left out: a registered metric has that name; choose another."
        for name in taken
    ]
    return {**own, **metrics}, problems


def _checked_name(name: Any) -> str:
    if not isinstance(name, str) or not _SNAKE_CASE.fullmatch(name):
        raise ValueError("its name is not in snake case, such as oracle_accuracy.")
    return name


def _checked_value(value: Any) -> float:
    number = float(value)
    if math.isinf(number):
        raise ValueError(f"it is {number}; return NaN where a figure is undefined.")
    return number
