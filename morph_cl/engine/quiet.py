"""Keeping the notes that libraries print about themselves out of a run's output."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import TextIO

_NOISY = frozenset({"avalanche", "qpsolvers"})


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Silence what Avalanche and its solvers warn of themselves inside the block, and nothing else.

    A filter would not do: Avalanche puts a filter of its own, ``always``, before every deprecation note.
    """
    with warnings.catch_warnings():
        show = warnings.showwarning

        def show_others(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if not _NOISY & set(PurePath(filename).parts) and "QP solver" not in str(message):
                show(message, category, filename, lineno, file, line)

        warnings.showwarning = show_others
        yield
