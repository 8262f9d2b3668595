import gzip

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from morph_cl.data.idx import read_idx
from morph_cl.errors import DataError


def idx_bytes(array):
    return bytes((0, 0, 8, array.ndim)) + np.array(array.shape, dtype=">u4").tobytes() + array.tobytes()


@settings(max_examples=30)
@given(shape=st.lists(st.integers(1, 6), min_size=1, max_size=3), gzipped=st.booleans())
def test_what_is_written_is_read(tmp_path_factory, shape, gzipped):
    array = np.random.RandomState(0).randint(0, 256, shape).astype(np.uint8)
    path = tmp_path_factory.mktemp("idx") / ("images.gz" if gzipped else "images")
    content = idx_bytes(array)
    path.write_bytes(gzip.compress(content) if gzipped else content)
    assert np.array_equal(read_idx(path, len(shape), "Mend it."), array)


@settings(max_examples=30)
@given(cut=st.integers(1, 23))
def test_any_shorter_file_is_called_truncated(tmp_path_factory, cut):
    content = idx_bytes(np.zeros(16, dtype=np.uint8))
    path = tmp_path_factory.mktemp("idx") / "labels"
    path.write_bytes(content[:-cut])
    with pytest.raises(DataError, match=r"labels is truncated.*Mend it\."):
        read_idx(path, 1, "Mend it.")


@pytest.mark.parametrize(
    "content",
    [
        idx_bytes(np.zeros(16, dtype=np.uint8)) + b"x",
        b"\x1f\x8b\x08\x00" + bytes(20),
        idx_bytes(np.zeros((4, 2, 2), dtype=np.uint8)),
    ],
    ids=["too long", "another format", "images in place of labels"],
)
def test_another_file_is_called_corrupt(tmp_path, content):
    path = tmp_path / "labels"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"labels is corrupt.*Mend it\."):
        read_idx(path, 1, "Mend it.")


def test_a_damaged_gzip_file_is_named(tmp_path):
    path = tmp_path / "labels.gz"
    path.write_bytes(gzip.compress(idx_bytes(np.zeros(16, dtype=np.uint8)))[:-9])
    with pytest.raises(DataError, match=r"labels\.gz cannot be read"):
        read_idx(path, 1, "Mend it.")
