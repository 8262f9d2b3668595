"""A fixed, stratified split into training and test images: the same on every machine and for every seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from morph_cl.errors import DataError

TEST_FRACTION = 0.2
"""The share of each class that becomes test data where a data set comes undivided."""

# RandomState's streams are frozen by numpy's own rule (NEP 19), those of default_rng may change.
_SEED = 20_000


def stratified_split(
    labels: NDArray[np.int64], class_names: Sequence[str], owner: str, fraction: float = TEST_FRACTION
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Divide samples class by class, in an order that mixes the classes.

    Args:
        labels: (N,) class of each sample, in 0..len(class_names)-1.
        class_names: one name a class, for the message.
        owner: the data set's name, for the message.
        fraction: share of each class that becomes test data, in (0, 1); at least one sample a class.

    Returns:
        The indices of the training samples and of the test samples, each shuffled; together each index once.

    Raises:
        DataError: a class with fewer than two samples, which cannot be divided.
    """
    random = np.random.RandomState(_SEED)
    train, test = [], []
    for number, name in enumerate(class_names):
        members = random.permutation(np.flatnonzero(labels == number))
        if len(members) < 2:
            raise DataError(
                f"data set {owner!r}: class {name!r} has {len(members)} image(s); "
                "each class needs at least 2, one to train on and one to test on."
            )
        tests = min(max(1, int(len(members) * fraction + 0.5)), len(members) - 1)
        test.append(members[:tests])
        train.append(members[tests:])
    return random.permutation(np.concatenate(train)), random.permutation(np.concatenate(test))


def fixed_order(count: int) -> NDArray[np.int64]:
    """A fixed shuffle, so that images read class by class do not stand in the order of their classes.

    Args:
        count: N, number of samples.

    Returns:
        (N,) a permutation of 0..N-1, the same every time.
    """
    return np.random.RandomState(_SEED).permutation(count).astype(np.int64)
