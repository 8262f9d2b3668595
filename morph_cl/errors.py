"""The errors that morph-cl raises on purpose, by who can mend them.

Every message is one sentence or two: the bad value, what is allowed, and the next step.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class MorphClError(Exception):
    """Base of every error that morph-cl raises on purpose."""


class UsageError(MorphClError):
    """What was asked for cannot be done as asked: refused before any work starts (exit code 2)."""


class UnknownNameError(UsageError):
    """A name that nothing is registered under.

    Args:
        kind: what was looked up, singular, such as ``strategy``.
        name: the name that was given.
        known: every name that would have been accepted.
        hint: a sentence to add, such as why a plugin that offers the name is missing.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = "") -> None:
        self.kind = kind
        self.name = name
        self.known = sorted(known)
        close = difflib.get_close_matches(name, self.known, n=3, cutoff=0.5)
        if close:
            advice = f"Did you mean {' or '.join(repr(c) for c in close)}?"
        elif self.known:
            advice = f"Known: {', '.join(self.known)}."
        else:
            advice = f"No {kind} is registered."
        super().__init__(" ".join(part for part in (f"unknown {kind} {name!r}.", hint, advice) if part))


class AmbiguousNameError(UsageError):
    """A bare name that two plugins offer."""


class DataError(UsageError):
    """A data set that is missing, truncated, corrupt or of the wrong shape."""


class StoreError(UsageError):
    """A stored run that is missing, unreadable or written by a newer version."""


class CheckpointError(UsageError):
    """A checkpoint that does not fit the run that wants to load it."""


class PluginError(MorphClError):
    """A plugin that broke its contract."""


class RunFailedError(MorphClError):
    """A run that started and could not end (exit code 1)."""
