"""The partition computes and trains tagged parts alone, and answers as each image's own part does."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from morph_cl_plugins.static_partition.options import PartitionOptions
from morph_cl_plugins.static_partition.partition import Partition
from morph_cl_plugins.static_partition.tags import build_tags
from morph_cl_plugins.static_partition.widths import divide_units

SHAPE, CLASSES = (1, 6, 5), 6
CASES = {
    "parity": {"hidden": (8,)},
    "overlap": {"hidden": (9, 8), "overlap": 0.3},
    "nested": {"hidden": (9, 8, 7), "levels": 2},
    "nested overlap": {"hidden": (12, 12), "levels": 2, "overlap": 0.3, "tags": [[5, 0, 1], [2, 3], [4]]},
    "channels": {"hidden": (6, 8), "network": "cnn", "levels": 2, "overlap": 0.25},
}


def make_partition(**values):
    torch.manual_seed(0)
    options = PartitionOptions(**values)
    tree = build_tags(options, CLASSES, 1)
    return Partition(tree, divide_units(options, tree), SHAPE, CLASSES, options.network), tree


def part_of(partition, tree, tag):
    """The blocks of a tag, layer by layer."""
    return [
        next(block for block, (first, last) in zip(layer.blocks, layer.spans, strict=True) if first <= tag < last)
        for layer in partition.layers
    ]


def answer_alone(partition, tree, image, tag):
    """One image through the whole layers that its tag has, written out."""
    own, common = partition.flatten(image[None]), None
    for layer, block in zip(partition.layers, part_of(partition, tree, tag), strict=True):
        below = own if common is None else torch.cat([own, common], 1)
        shared = None if layer.shared is None else layer.shared(own if common is None else common)
        own, common = block(below), shared
    logits = partition.columns[tag](own) + partition.bias
    return logits if common is None else logits + partition.shared_columns(common)


@pytest.mark.parametrize("case", CASES)
@given(tags=st.lists(st.integers(0, 1_000), min_size=1, max_size=9))
def test_each_image_is_answered_by_its_own_part(case, tags):
    partition, tree = make_partition(**CASES[case])
    tags = torch.tensor(tags) % len(tree.paths)
    x = torch.rand(len(tags), *SHAPE, generator=torch.Generator().manual_seed(len(tags)))
    alone = [answer_alone(partition, tree, image, int(tag)) for image, tag in zip(x, tags, strict=True)]
    torch.testing.assert_close(partition(x, tags), torch.cat(alone))


@pytest.mark.parametrize("case", CASES)
def test_blocks_run_once_and_on_their_own_images_only(case):
    partition, tree = make_partition(**CASES[case])
    rows = {}
    blocks = {name: block for name, block in partition.named_modules() if name.split(".")[-2:-1] == ["blocks"]}
    for name, block in blocks.items():
        block.register_forward_hook(lambda _, inputs, __, name=name: rows.setdefault(name, []).append(len(inputs[0])))
    tags = torch.tensor([1, 0, 1])
    partition(torch.rand(3, *SHAPE), tags)
    for name, block in blocks.items():
        own = [int(tag) for tag in tags if block in part_of(partition, tree, int(tag))]
        assert rows.get(name, []) == ([len(own)] if own else [])


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_training_one_tag_moves_no_parameter_of_another(case, optimizer):
    partition, tree = make_partition(**CASES[case])
    last = len(tree.paths) - 1
    update = {
        "adam": torch.optim.Adam(partition.parameters(), 0.01, weight_decay=0.1),
        "sgd": torch.optim.SGD(partition.parameters(), 0.01, momentum=0.9, weight_decay=0.1),
    }[optimizer]

    def step(tags):
        update.zero_grad()
        torch.nn.functional.cross_entropy(partition(torch.rand(8, *SHAPE), tags), torch.arange(8) % CLASSES).backward()
        update.step()

    step(torch.arange(8) % (last + 1))  # every parameter has a momentum from here on
    before = copy.deepcopy(partition.state_dict())
    own = [*part_of(partition, tree, last), partition.columns[last], partition.shared_columns]
    own += [layer.shared for layer in partition.layers]
    owned = {id(parameter) for module in own if module is not None for parameter in module.parameters()}
    owned.add(id(partition.bias))
    step(torch.full((8,), last))
    for name, parameter in partition.named_parameters():
        if id(parameter) in owned:
            assert not torch.equal(parameter, before[name])
        else:
            assert parameter.grad is None
            assert torch.equal(parameter, before[name])


def test_units_are_divided_without_a_weight_to_spare():
    dense = 30 * 8 + 8 + 8 * 6 + 6
    for overlap in (0.0, 0.5):  # a single hidden layer: every unit sees all pixels, whoever owns it
        partition, _ = make_partition(hidden=(8,), overlap=overlap)
        assert sum(parameter.numel() for parameter in partition.parameters()) == dense
