"""The state of a river object as plain data, and back; nothing is pickled."""

from __future__ import annotations

import random
from collections import deque
from typing import Any


def export_state(value: Any) -> Any:
    """The plain form of an attribute of a river object.

    Args:
        value: a number, a text, None, a sequence of such, a random generator, or an object of river's.

    Returns:
        Numbers, texts, lists and dictionaries. What river computes in Rust tells its state as bytes, which become a
        hexadecimal text; methods are left out, since its constructor sets them.
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return float(value)  # numpy's too
    if isinstance(value, (deque, list, tuple)):
        return [export_state(item) for item in value]
    if isinstance(value, random.Random):
        return export_state(value.getstate())
    if not hasattr(value, "__dict__"):
        return bytes(value.__getstate__()).hex()
    return {name: export_state(part) for name, part in vars(value).items() if not callable(part)}


def restored(existing: Any, state: Any) -> Any:
    """The attribute that a plain form stands for.

    Args:
        existing: what stands in its place in a fresh object of the same class and options.
        state: what :func:`export_state` returned.

    Returns:
        The value; an object of river's is changed in place.
    """
    if isinstance(existing, deque):
        return deque(state, maxlen=existing.maxlen)
    if isinstance(existing, random.Random):
        version, internal, gauss = state
        existing.setstate((version, tuple(internal), gauss))
    elif isinstance(state, dict):
        for name, part in state.items():
            setattr(existing, name, restored(getattr(existing, name), part))
    elif isinstance(state, str) and hasattr(existing, "__setstate__"):
        existing.__setstate__(bytes.fromhex(state))
    else:
        return state
    return existing
