import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from morph_cl_scenarios.options import SubsetOptions
from morph_cl_scenarios.subsets import stratified_order, training_subsets

from morph_cl import ScenarioRequest


def rows(data, x):
    place = {image.numpy().tobytes(): number for number, image in enumerate(data.train_x)}
    return [place[image.numpy().tobytes()] for image in x]


@pytest.mark.parametrize(("size", "experiences", "disjoint"), [(40, 3, True), (50, 3, False)])
def test_subsets_are_disjoint_while_images_last_and_hold_the_classes_in_their_shares(toy, size, experiences, disjoint):
    subsets = training_subsets(ScenarioRequest(toy, 3, "domain"), SubsetOptions(train_size=size), experiences)
    taken = []
    for number in range(experiences):
        x, y = subsets.take(number)
        here = rows(toy, x)
        assert len(here) == len(set(here)) == size
        assert torch.equal(toy.train_y[here], y)
        assert all(abs(int((y == label).sum()) - size / 10) <= 1 for label in range(10))
        taken += here
    assert len(set(taken)) == min(size * experiences, 120)
    assert subsets.detail == {"train_size": size, "disjoint": disjoint}


def test_subsets_differ_by_seed(toy):
    drawn = [training_subsets(ScenarioRequest(toy, s, "domain"), SubsetOptions(train_size=30), 2) for s in (0, 1)]
    assert rows(toy, drawn[0].take(0)[0]) != rows(toy, drawn[1].take(0)[0])


def test_all_images_are_served_without_a_copy(toy):
    subsets = training_subsets(ScenarioRequest(toy, 0, "domain"), SubsetOptions(), 2)
    assert subsets.take(0)[0] is subsets.take(1)[0] is toy.train_x
    assert subsets.detail == {"train_size": 120}


@given(st.lists(st.integers(0, 4), min_size=1, max_size=200), st.integers(0, 100), st.data())
def test_every_run_of_the_stratified_order_has_each_class_within_two_of_its_share(labels, seed, data):
    y = torch.tensor(labels)
    order = stratified_order(y, np.random.default_rng(seed))
    assert sorted(order.tolist()) == list(range(len(labels)))
    start = data.draw(st.integers(0, len(labels) - 1))
    stop = data.draw(st.integers(start + 1, len(labels)))
    part = y[order[start:stop]]
    classes = len(set(labels))
    for label in set(labels):
        share = labels.count(label) * (stop - start) / len(labels)
        assert abs(int((part == label).sum()) - share) <= 2 * classes
