from __future__ import annotations

import json
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from morph_cl.bridge.checkpoint import load_checkpoint, save_checkpoint
from morph_cl.bridge.randomness import random_state, seed_everything, set_random_state
from morph_cl.bridge.tree import MANIFEST, TENSORS, load_tree, save_tree, walk_tensors
from morph_cl.errors import CheckpointError

plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
trees = st.recursive(
    plain,
    lambda children: (
        st.lists(children, max_size=4)
        | st.lists(children, max_size=4).map(tuple)
        | st.dictionaries(st.text(max_size=5) | st.integers(), children, max_size=4)
        | st.sets(st.integers(), max_size=4)
    ),
    max_leaves=12,
)


@given(tree=trees)
@settings(max_examples=80, deadline=None)
def test_any_tree_of_plain_values_comes_back_as_it_was(tmp_path_factory, tree):
    folder = tmp_path_factory.mktemp("tree")
    save_tree(tree, folder)
    assert load_tree(folder) == tree


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.uint8, torch.int64, torch.bool]
)
def test_tensors_come_back_bit_for_bit(tmp_path, dtype):
    tensor = (torch.randn(3, 4) * 50).to(dtype)
    save_tree({"a": [tensor.t(), (tensor[0], tensor[0])], "empty": torch.empty(0, 3)}, tmp_path)
    loaded = load_tree(tmp_path)
    assert loaded["a"][0].dtype == dtype
    assert torch.equal(loaded["a"][0], tensor.t())
    assert torch.equal(loaded["a"][1][1], tensor[0])
    assert loaded["empty"].shape == (0, 3)


def test_infinities_come_back(tmp_path):
    save_tree([math.inf, -math.inf, math.nan], tmp_path)
    up, down, neither = load_tree(tmp_path)
    assert (up, down) == (math.inf, -math.inf)
    assert math.isnan(neither)


def test_what_is_no_tree_is_named_by_its_place(tmp_path):
    with pytest.raises(CheckpointError, match=r"state\.a\[1\] is a object"):
        save_tree({"a": [1, object()]}, tmp_path)


def test_walk_finds_every_tensor_with_its_path():
    tree = {"a": [torch.zeros(1), {"b": torch.zeros(2)}], "c": 3}
    assert [(path, len(tensor)) for path, tensor in walk_tensors(tree)] == [(("a",), 1), (("a", "b"), 2)]


def test_only_the_newest_checkpoint_is_kept_and_a_partial_one_is_passed_over(tmp_path):
    save_checkpoint(tmp_path, 1, {"at": 1})
    save_checkpoint(tmp_path, 2, {"at": 2})
    assert [folder.name for folder in tmp_path.iterdir()] == ["experience-0002"]
    (tmp_path / "experience-0003").mkdir()
    (tmp_path / "experience-0003" / TENSORS).write_bytes(b"half")
    assert load_checkpoint(tmp_path) == {"at": 2}


def test_a_damaged_or_newer_checkpoint_is_refused(tmp_path):
    save_checkpoint(tmp_path, 1, {"x": torch.ones(3)})
    folder = tmp_path / "experience-0001"
    whole = (folder / MANIFEST).read_text()
    (folder / MANIFEST).write_text(json.dumps({**json.loads(whole), "format": "morph-cl/tree/2"}))
    with pytest.raises(CheckpointError, match="morph-cl/tree/2"):
        load_checkpoint(tmp_path)
    (folder / MANIFEST).write_text(whole)
    (folder / TENSORS).write_bytes((folder / TENSORS).read_bytes()[:-4])
    with pytest.raises(CheckpointError, match="damaged"):
        load_checkpoint(tmp_path)


def test_random_state_comes_back_through_a_checkpoint(tmp_path):
    import random

    import numpy as np

    def draw() -> tuple[float, float, float]:
        return float(torch.rand(())), float(np.random.rand()), random.random()

    seed_everything(3)
    save_tree(random_state(), tmp_path)
    first = draw()
    seed_everything(4)
    set_random_state(load_tree(tmp_path))
    assert draw() == first
