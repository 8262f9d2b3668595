"""What cannot work is refused before training, with what is allowed."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from morph_cl_plugins.branching.groups import class_groups, plan_growth
from morph_cl_plugins.branching.options import CNN_HIDDEN, BranchingOptions
from morph_cl_plugins.branching.stages import split_stages

from morph_cl import UsageError
from morph_cl.options import validate_options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layer": 3}, r"the parent has no hidden layer 3; give layer=1 or 2"),
        ({"layer": 3, "network": "cnn", "hidden": [8]}, r"give layer=1"),
        ({"nested_layer": 4}, r"the branch has no hidden layer 4; give nested_layer=1 or 2"),
        ({"threshold": 0}, r"threshold=0.*greater than 0"),
        ({"threshold": 1.01}, r"threshold=1.01.*less than or equal to 1"),
        ({"groups": [[0, 1], [1, 2]]}, r"class 1 more than once"),
        ({"nested": [[0, 2], [2, 4]]}, r"\[0, 2\] and \[2, 4\] overlap"),
        ({"groups": "colour"}, r"groups"),
    ],
)
def test_options_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        validate_options(BranchingOptions, options, "branching")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"groups": [[0, 2], [1, 3]]}, r"misses class 4"),
        ({"groups": [[0, 2, 4], [1, 3, 5, 6]]}, r"holds class 6"),
        ({"groups": "curves"}, r"there are 6 classes"),
        ({"nested": [[0, 7]]}, r"has class 7, but classes run from 0 to 5"),
        ({"nested": [[0, 1]]}, r"no smaller part of any branch; the branches hold \[0, 2, 4\], \[1, 3, 5\]"),
    ],
)
def test_groups_that_do_not_fit_the_classes_are_refused_before_training(
    options, message, make_branching, make_small_stream
):
    with pytest.raises(UsageError, match=message):
        make_branching(make_small_stream(), **options)


def test_a_cnn_has_channels_of_its_own_unless_given():
    assert BranchingOptions(network="cnn").hidden == CNN_HIDDEN
    assert BranchingOptions(network="cnn", hidden=(5,), layer=1).hidden == (5,)


def test_groups_by_name():
    def groups(name, beside_parent=True):
        return class_groups(BranchingOptions(groups=name), 10, beside_parent=beside_parent)

    assert groups("auto") == groups("parity") == ((0, 2, 4, 6, 8), (1, 3, 5, 7, 9))
    assert groups("curves") == ((0, 2, 3, 5, 6, 8, 9), (1, 4, 7))
    assert groups("auto", beside_parent=False) == groups("experience") == (tuple(range(10)),)


@given(
    owner=st.lists(st.integers(0, 2), min_size=2, max_size=8),
    present=st.sets(st.integers(0, 7), min_size=1),
    cuts=st.sets(st.integers(1, 6)),
)
def test_every_class_of_an_experience_gets_one_branch_and_nested_ones_lie_within_their_host(owner, present, cuts):
    classes = range(len(owner))
    groups = [tuple(c for c in classes if owner[c] == number) for number in range(3)]
    nested = [tuple(classes[:cut]) for cut in cuts if cut < len(owner)]  # each within the next
    levels = plan_growth([group for group in groups if group], nested, sorted(present.intersection(classes)))
    flat = [growth for level in levels for growth in level]
    first = sorted(c for growth in (levels[0] if levels else []) for c in growth.classes)
    assert first == sorted(present.intersection(classes))
    for depth, level in enumerate(levels):
        for growth in level:
            assert (growth.host is None) == (depth == 0)
            if growth.host is not None:
                assert set(growth.classes) < set(flat[growth.host].classes)
                assert flat[growth.host] in levels[depth - 1]


@given(
    steps=st.integers(1, 200),
    levels=st.integers(0, 4),
    share=st.one_of(st.none(), st.floats(0.01, 0.99)),
)
def test_stages_follow_each_other(steps, levels, share):
    stages = split_stages(steps, levels, share if levels else (None if share is None else 0.0))
    if share is None and not levels:
        assert stages == []
        return
    assert stages[0].first == 0
    assert stages[-1].last == steps
    assert stages[0].level == (1 if share is None else 0)
    assert all(one.last == other.first and one.level + 1 == other.level for one, other in itertools.pairwise(stages))
    assert all(stage.last > stage.first and 0.05 <= stage.rate(stage.last - 1) <= 1 for stage in stages)
