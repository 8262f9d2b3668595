"""Files in the idx format of MNIST and its relatives, checked against their own headers."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from morph_cl.errors import DataError

_UNSIGNED_BYTE = 0x08


def read_idx(path: Path, ndim: int, mend: str) -> NDArray[np.uint8]:
    """Read an idx file of unsigned bytes, plain or gzipped.

    Args:
        path: the file; gzipped where it ends in ``.gz``.
        ndim: the number of axes that it must have: 3 for images, 1 for labels.
        mend: what to do about a damaged file, for the message.

    Returns:
        The array, (N,) or (N, H, W), uint8, read-only.

    Raises:
        DataError: the file cannot be read, is no idx file of that many axes, or is shorter or longer than its
            header says.

    Source:
        The description of the format on the page of the MNIST database (LeCun, Cortes, Burges).
    """
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {' '.join(str(error).split())}. {mend}") from error
    header = 4 + 4 * ndim
    if len(content) < header:
        raise DataError(f"{path} is truncated: it has {len(content):,} bytes, not even its header. {mend}")
    if content[:4] != bytes((0, 0, _UNSIGNED_BYTE, ndim)):
        raise DataError(f"{path} is corrupt: it does not begin as an idx file with {ndim} axes does. {mend}")
    shape = tuple(int(extent) for extent in np.frombuffer(content, dtype=">u4", count=ndim, offset=4))
    promised = header + math.prod(shape)
    if len(content) != promised:
        state = "truncated" if len(content) < promised else "corrupt"
        raise DataError(f"{path} is {state}: its header promises {promised:,} bytes, it has {len(content):,}. {mend}")
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)
