import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from morph_cl.data.splitting import fixed_order, stratified_split
from morph_cl.errors import DataError


@given(counts=st.lists(st.integers(2, 40), min_size=1, max_size=8), fraction=st.floats(0.01, 0.99))
def test_each_sample_is_in_one_half_and_each_class_in_both(counts, fraction):
    labels = np.repeat(np.arange(len(counts)), counts)
    names = [str(n) for n in range(len(counts))]
    train, test = stratified_split(labels, names, "x", fraction)
    assert sorted([*train, *test]) == list(range(sum(counts)))
    for number, count in enumerate(counts):
        tests = int((labels[test] == number).sum())
        assert 1 <= tests <= count - 1
        assert abs(tests - count * fraction) <= 1


def test_the_split_is_always_the_same_and_mixes_the_classes():
    labels = np.repeat(np.arange(3), 10)
    first = stratified_split(labels, "abc", "x")
    np.random.seed(7)
    again = stratified_split(labels, "abc", "x")
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    assert first[1].tolist() == [2, 12, 21, 17, 7, 29]
    assert not np.array_equal(labels[first[0]], np.sort(labels[first[0]]))


def test_a_class_of_one_is_refused_by_name():
    with pytest.raises(DataError, match=r"'pets': class 'cat' has 1 image"):
        stratified_split(np.array([0, 0, 1]), ["dog", "cat"], "pets")


def test_fixed_order_is_a_permutation_and_constant():
    assert sorted(fixed_order(50)) == list(range(50))
    assert np.array_equal(fixed_order(50), fixed_order(50))
    assert fixed_order(50).tolist() != list(range(50))
