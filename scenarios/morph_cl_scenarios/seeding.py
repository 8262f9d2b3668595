"""Random generators that depend on the stream's seed and on nothing else."""

from __future__ import annotations

import zlib

import numpy as np


def stream_generator(seed: int, purpose: str) -> np.random.Generator:
    """A generator of its own for one use of a stream's seed.

    Neither torch's nor numpy's global state is read or written, so one seed gives one stream whatever a
    strategy draws; separate purposes give independent draws, so that taking fewer images never changes
    the angles.

    Args:
        seed: the stream's seed, at least 0.
        purpose: what is drawn, such as ``angles``.

    Returns:
        A generator that starts anew at each call.
    """
    return np.random.default_rng([seed, zlib.crc32(purpose.encode())])
