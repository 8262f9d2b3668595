"""Figures as short texts; what was not measured is a dash."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

MISSING = "-"
"""Stands for a figure that was not measured."""


def mean_measured(values: Iterable[float]) -> float:
    """Mean of the values that were measured.

    Args:
        values: figures, NaN where not measured.

    Returns:
        Their mean, NaN where none was measured.
    """
    measured = [value for value in values if not math.isnan(value)]
    return sum(measured) / len(measured) if measured else math.nan


def percent(fraction: float, *, digits: int = 1, signed: bool = False) -> str:
    """A fraction in per cent, without the sign ``%``.

    Args:
        fraction: the fraction, in [0, 1] or a difference of two such, in [-1, 1].
        digits: decimals.
        signed: whether a plus stands before a positive figure.

    Returns:
        Such as ``94.2``, or a dash for NaN.
    """
    if math.isnan(fraction):
        return MISSING
    value = round(100 * fraction, digits) + 0.0  # adding zero turns -0.0 into 0.0
    return f"{value:{'+' if signed and value else ''}.{digits}f}"


def human_bytes(size: float) -> str:
    """Bytes in decimal units, three figures.

    Args:
        size: bytes, not negative.

    Returns:
        Such as ``1.05 MB``, or a dash for NaN.
    """
    if math.isnan(size):
        return MISSING
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 99.95 else f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"


def human_count(number: float) -> str:
    """A count in thousands or millions where it is large.

    Args:
        number: the count; a mean over runs need not be whole.

    Returns:
        Such as ``89.6k``, or a dash for NaN.
    """
    if math.isnan(number):
        return MISSING
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= 0.9995 * size and number >= 9_999.5:
            scaled = number / size
            return f"{scaled:.0f}{unit}" if scaled >= 99.95 else f"{scaled:.3g}{unit}"
    return f"{number:.0f}" if number == int(number) else f"{number:.1f}"


def duration(seconds: float) -> str:
    """A time in its two largest units.

    Args:
        seconds: the time in seconds, not negative.

    Returns:
        Such as ``4.2s``, ``2m05s`` or ``1h02m``, or a dash for NaN.
    """
    if math.isnan(seconds):
        return MISSING
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m{rest:02d}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m"


def number_ranges(numbers: Iterable[int]) -> str:
    """Whole numbers with runs drawn together.

    Args:
        numbers: in any order, repeats allowed.

    Returns:
        Such as ``1-3, 5``, empty for no numbers.
    """
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(f"{low}" if low == high else f"{low}-{high}" for low, high in runs)


def assignments(options: dict[str, Any]) -> str:
    """Options as a user writes them.

    Args:
        options: names and values.

    Returns:
        Such as ``mem_size=500 lr=0.1``.
    """
    return " ".join(f"{name}={option_value(value)}" for name, value in options.items())


def option_value(value: Any) -> str:
    """One option value as a user writes it.

    Args:
        value: a value of an options model.

    Returns:
        Lists joined by commas, booleans in lower case, everything else as its text.
    """
    if isinstance(value, (list, tuple)):
        return ",".join(option_value(part) for part in value)
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    return one_line(str(value))


def one_line(text: str) -> str:
    """A text without line breaks and control characters, which would break a table.

    Args:
        text: any text.

    Returns:
        The text on one line.
    """
    return "".join(char if char.isprintable() else " " for char in text).strip()
