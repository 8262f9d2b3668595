"""How experts divide the images among themselves, as pure functions of counts.

A table holds counts of images: a row for each expert that led, a column for each group (a label, an experience, an
assigned expert). Rows or columns without any image change nothing but the normalisation that names their number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

Table = Sequence[Sequence[float]]
"""(experts, groups), counts that are not negative."""


def normalised_entropy(mass: Sequence[float]) -> float:
    """Entropy of a distribution by its greatest possible value: ``-sum_i p_i log p_i / log n``.

    Args:
        mass: (n,) weights or counts, not negative, of any sum.

    Returns:
        A fraction in [0, 1]: 0 where one entry has everything, 1 where all are alike; NaN where n is below 2 or nothing
        is there.
    """
    if len(mass) < 2 or not math.fsum(mass):
        return math.nan
    return _entropy(mass) / math.log(len(mass))


def normalised_mutual_information(table: Table) -> float:
    """What knowing the expert tells of the group: ``2 I(expert; group) / (H(expert) + H(group))``.

    Args:
        table: (experts, groups) counts.

    Returns:
        A fraction in [0, 1]: 0 where they are independent, 1 where each determines the other; NaN where there is one
        expert and one group only, or no image.

    Source:
        Strehl and Ghosh, Cluster Ensembles, JMLR 2002, with the arithmetic mean of the entropies.
    """
    rows = [math.fsum(row) for row in table]
    columns = [math.fsum(column) for column in zip(*table, strict=True)]
    total = math.fsum(rows)
    if not total:
        return math.nan
    entropies = _entropy(rows) + _entropy(columns)
    if not entropies:
        return math.nan
    shared = math.fsum(
        count / total * math.log(count * total / (rows[i] * columns[j]))
        for i, row in enumerate(table)
        for j, count in enumerate(row)
        if count
    )
    return min(max(2 * shared / entropies, 0.0), 1.0)  # rounding may leave the range by an ulp


def purity(table: Table) -> float:
    """Share of images that are of the most frequent group of their expert.

    With fewer experts than groups it cannot reach 1: two experts that share ten equal groups have 0.2.

    Args:
        table: (experts, groups) counts.

    Returns:
        A fraction in [0, 1], NaN where there is no image.

    Source:
        Manning, Raghavan and Schuetze, Introduction to Information Retrieval, 2008, section 16.3.
    """
    total = math.fsum(count for row in table for count in row)
    return math.fsum(max(row, default=0) for row in table) / total if total else math.nan


def _entropy(mass: Sequence[float]) -> float:
    """In nats; 0 for no mass."""
    total = math.fsum(mass)
    return abs(math.fsum(part / total * math.log(part / total) for part in mass if part))
