"""Colours and keys that tell series apart, with colour and without."""

from __future__ import annotations

import string
from collections.abc import Sequence

SERIES_STYLES = ("#56b4e9", "#e69f00", "#00b585", "#e8743b", "#d984b8", "#a98bf0", "#b8ae1f", "#e0607e")
"""Line colours, after Okabe and Ito: told apart by the colour-blind, on dark and light ground."""

BOUND_STYLE = "bright_black"
"""The colour of an upper bound, which is no rival."""

_VIRIDIS = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))


def series_style(index: int) -> str:
    """The colour of a series.

    Args:
        index: its position, not negative.

    Returns:
        A rich style.
    """
    return SERIES_STYLES[index % len(SERIES_STYLES)]


def letter_keys(names: Sequence[str]) -> list[str]:
    """One letter a name, its initial where that is free.

    Args:
        names: the names of the series, at most 62 of them for keys that all differ.

    Returns:
        A capital of the name if any is free, else any free letter or digit, else ``?``.
    """
    taken: list[str] = []
    for name in names:
        letters = [char for char in name.upper() if char in string.ascii_uppercase]
        every = string.ascii_uppercase + string.ascii_lowercase + string.digits
        taken.append(next((char for char in [*letters, *every] if char not in taken), "?"))
    return taken


def heat_style(position: float) -> str:
    """The colour of a heat map's cell: viridis, with a text colour that can be read on it.

    Args:
        position: where the value lies on the scale, clipped to [0, 1].

    Returns:
        A rich style with foreground and background.
    """
    scaled = min(max(position, 0.0), 1.0) * (len(_VIRIDIS) - 1)
    index = min(int(scaled), len(_VIRIDIS) - 2)
    share = scaled - index
    red, green, blue = (
        round(low + share * (high - low)) for low, high in zip(_VIRIDIS[index], _VIRIDIS[index + 1], strict=True)
    )
    light = 0.299 * red + 0.587 * green + 0.114 * blue > 120
    return f"{'#000000' if light else '#ffffff'} on #{red:02x}{green:02x}{blue:02x}"
