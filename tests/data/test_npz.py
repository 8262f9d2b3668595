import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from morph_cl.data.npz import build_npz
from morph_cl.data.options import NpzOptions
from morph_cl.data.request import DatasetRequest
from morph_cl.errors import DataError

LABELS = np.arange(12) % 3


def build(path, **options):
    return build_npz(DatasetRequest(path.parent, path=path), NpzOptions.model_validate(options))


@pytest.fixture
def saved(tmp_path):
    def save(**arrays):
        np.savez(tmp_path / "own.npz", **arrays)
        return tmp_path / "own.npz"

    return save


def pixels(*shape):
    return np.random.RandomState(0).randint(0, 256, shape).astype(np.uint8)


def divided(**changes):
    arrays = {"x_train": pixels(12, 5, 4), "y_train": LABELS, "x_test": pixels(6, 5, 4), "y_test": LABELS[:6]}
    return arrays | changes


def test_divided_arrays_keep_their_order_and_values(saved):
    arrays = divided()
    data = build(saved(**arrays))
    assert data.name == "own.npz"
    assert torch.equal(data.train_x[:, 0], torch.from_numpy(arrays["x_train"]))
    assert torch.equal(data.test_x[:, 0], torch.from_numpy(arrays["x_test"]))
    assert data.train_y.tolist() == LABELS.tolist()


@settings(max_examples=40, deadline=None)
@given(
    form=st.sampled_from(["NHW", "NHWC", "NCHW"]),
    channels=st.sampled_from([1, 3, 4]),
    height=st.integers(5, 9),
    width=st.integers(5, 9),
    floats=st.booleans(),
)
def test_each_form_gives_the_same_images_channels_first(tmp_path_factory, form, channels, height, width, floats):
    channels = 1 if form == "NHW" else channels
    images = pixels(12, channels, height, width)
    values = images / 255 if floats else images
    x = {"NHW": values[:, 0], "NHWC": values.transpose(0, 2, 3, 1), "NCHW": values}[form]
    path = tmp_path_factory.mktemp("npz") / "own.npz"
    np.savez(path, x_train=x, y_train=LABELS, x_test=x, y_test=LABELS)
    for options in ({}, {"layout": form} if len(form) == 4 else {}):
        data = build(path, **options)
        assert data.train_x.dtype == (torch.float32 if floats else torch.uint8)
        expected = torch.from_numpy(images.astype(np.float32) / 255 if floats else images)
        assert torch.allclose(data.train_x.double(), expected.double(), atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(counts=st.lists(st.integers(2, 12), min_size=2, max_size=5), texts=st.booleans())
def test_undivided_arrays_are_split_class_by_class(tmp_path_factory, counts, texts):
    classes = [f"class-{n}" if texts else 10 * n - 7 for n in range(len(counts))]
    y = np.repeat(np.array(classes), counts)
    x = np.arange(len(y), dtype=np.uint8)[:, None, None] * np.ones((1, 2, 3), dtype=np.uint8)
    path = tmp_path_factory.mktemp("npz") / "own.npz"
    np.savez(path, x=x, y=y)
    data = build(path)
    assert data.class_names == tuple(str(name) for name in classes)
    for half_x, half_y in ((data.train_x, data.train_y), (data.test_x, data.test_y)):
        assert set(half_y.tolist()) == set(range(len(counts)))
        assert [data.class_names[c] for c in half_y] == [str(y[i]) for i in half_x[:, 0, 0, 0]]
    assert len(data.train_x) + len(data.test_x) == len(y)
    assert build(path).checksum == data.checksum


@pytest.mark.parametrize(
    ("length", "options", "shape"),
    [(49, {}, (1, 7, 7)), (50, {}, (1, 1, 50)), (48, {"shape": [3, 4, 4]}, (3, 4, 4))],
)
def test_rows_become_images(saved, length, options, shape):
    x = pixels(12, length)
    data = build(saved(x_train=x, y_train=LABELS, x_test=x, y_test=LABELS), **options)
    assert data.input_shape == shape
    assert torch.equal(data.train_x.flatten(1), torch.from_numpy(x))


def test_labels_may_be_a_column_or_bytes(saved):
    column = build(saved(**divided(y_train=LABELS[:, None], y_test=LABELS[:6, None])))
    texts = np.array([b"ant", b"bee", b"cat"])
    byte_texts = build(saved(**divided(y_train=texts[LABELS], y_test=texts[LABELS[:6]])))
    assert column.train_y.tolist() == byte_texts.train_y.tolist() == LABELS.tolist()
    assert byte_texts.class_names == ("ant", "bee", "cat")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x_train": pixels(12, 5, 4).astype(np.int64)}, "x_train of .* is int64; give uint8"),
        ({"x_train": pixels(12, 5, 4) / 100.0}, r"x_train .* runs from .* floats must lie in \[0, 1\]"),
        ({"x_train": np.full((12, 5, 4), np.nan)}, "x_train .* runs from nan"),
        ({"x_train": pixels(12)}, r"x_train .* has the shape \(12,\)"),
        ({"x_train": pixels(12, 0, 4)}, "x_train .* none of them 0"),
        ({"x_train": pixels(12, 4, 4)}, "x_test .* must be alike"),
        ({"x_train": pixels(12, 5, 4) / 255.0}, "x_test uint8 .* must be alike"),
        ({"x_train": pixels(11, 5, 4)}, "x_train .* 11 images for 12 labels"),
        ({"y_train": LABELS / 2}, "y_train .* is float64"),
        ({"y_train": np.stack([LABELS, LABELS], 1)}, r"y_train .* shape \(12, 2\)"),
        ({"y_train": LABELS.astype(str)}, "holds texts, the other integers"),
        ({"y_train": LABELS * 0}, "the only class is '0'"),
        ({"y_test": LABELS[:6] + 1}, "class '3' of the test data is absent"),
        ({"y_test": LABELS[:6] % 2}, "class '2' of the training data has no test image"),
        ({"x_train": np.array([{}] * 12)}, "x_train .* holds Python objects"),
        (
            {"x_train": pixels(12, 5, 4, 7), "x_test": pixels(6, 5, 4, 7)},
            "channels cannot be told.*npz.layout=NCHW",
        ),
        ({"x_train": pixels(12, 3, 4, 3), "x_test": pixels(6, 3, 4, 3)}, "channels cannot be told"),
    ],
)
def test_arrays_that_cannot_be_right_are_named(saved, changes, message):
    with pytest.raises(DataError, match=message) as caught:
        build(saved(**divided(**changes)))
    assert "own.npz" in str(caught.value)


def test_a_layout_or_shape_settles_what_cannot_be_told(saved):
    x = pixels(12, 3, 4, 3)
    assert build(saved(x=x, y=LABELS), layout="NHWC").input_shape == (3, 3, 4)
    assert build(saved(x=x, y=LABELS), layout="NCHW").input_shape == (3, 4, 3)
    with pytest.raises(DataError, match=r"rows of 48 values.*npz.shape=\[1, 4, 4\]"):
        build(saved(x=pixels(12, 48), y=LABELS), shape=[1, 4, 4])


def test_missing_arrays_are_told(saved):
    with pytest.raises(DataError, match=r"holds images, x_train; it must hold x_train, y_train, x_test and y_test"):
        build(saved(x_train=pixels(12, 5, 4), images=LABELS))
    with pytest.raises(DataError, match="holds nothing"):
        build(saved())


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "flipped", "other zip"])
def test_a_damaged_file_is_named(saved, damage):
    path = saved(**divided(x_train=pixels(12, 40, 40), x_test=pixels(6, 40, 40)))
    content = bytearray(path.read_bytes())
    content[2000] ^= 0xFF
    if damage == "other zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("readme.txt", "hello")
    else:
        path.write_bytes(
            {"empty": b"", "text": b"hello", "cut": bytes(content[:1000]), "flipped": bytes(content)}[damage]
        )
    with pytest.raises(DataError, match=r"own\.npz"):
        build(path)


def test_nothing_is_unpickled(saved, tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    with pytest.raises(DataError):
        build(saved(**divided(y_train=np.array([Trap()] * 12, dtype=object))))
    assert not (tmp_path / "sprung").exists()
