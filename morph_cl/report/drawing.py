"""Pictures by matplotlib, which is imported when one is drawn."""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path
from typing import TYPE_CHECKING

from morph_cl.errors import UsageError
from morph_cl.results.atomic import write_atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DOTS = 150  # an inch


def check_drawing() -> None:
    """Refuse pictures where they cannot be drawn.

    Raises:
        UsageError: matplotlib is not installed.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise UsageError("pictures need matplotlib, which is not installed: pip install matplotlib.")


def blank(width: float, height: float) -> Figure:
    """An empty picture that no window and no other picture shares.

    Args:
        width: in inches.
        height: in inches.
    """
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def save(figure: Figure, path: Path) -> None:
    """Write a picture as PNG, whole or not at all.

    Args:
        figure: the picture.
        path: the file.

    Raises:
        StoreError: the file cannot be written.
    """
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=_DOTS)
    write_atomic(path, data.getvalue())
