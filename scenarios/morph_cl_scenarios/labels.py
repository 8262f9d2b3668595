"""How tables and curves name experiences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

MAX_NAMES = 3


def angle_label(angle: float) -> str:
    """An angle to a tenth of a degree, such as ``15°`` or ``15.3°``."""
    return f"{round(angle, 1):g}°"


def class_label(names: Sequence[str]) -> str:
    """Some classes, such as ``digits 3 7`` or ``cat, dog``; many names are cut to ``apple, bear +8``.

    Args:
        names: the classes' names, at least one.

    Returns:
        A short text.
    """
    if all(name.isdigit() for name in names):
        kind = "digits" if all(len(name) == 1 for name in names) else "classes"
        return f"{kind} {' '.join(names)}"
    if len(names) > MAX_NAMES:
        return f"{', '.join(names[: MAX_NAMES - 1])} +{len(names) - MAX_NAMES + 1}"
    return ", ".join(names)


def unique_labels(labels: Iterable[str]) -> list[str]:
    """Number the repeats, so that each experience has a name of its own: ``0°``, ``0° (2)``.

    Args:
        labels: one name an experience.

    Returns:
        As many names, all different.
    """
    seen: Counter[str] = Counter()
    unique = []
    for label in labels:
        seen[label] += 1
        unique.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
    return unique
