"""Tags: which classes and how many units each one owns, and what is refused before training."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from morph_cl_plugins.static_partition.options import PartitionOptions
from morph_cl_plugins.static_partition.tags import build_tags
from morph_cl_plugins.static_partition.widths import divide_units

from morph_cl import UsageError
from morph_cl.options import parse_value, validate_options

MODULES = itertools.count()
NESTED = [[[0, 4], [2]], [[1], [3, 5]]]


def tags(classes=10, experiences=1, **options):
    return build_tags(validate_options(PartitionOptions, options, "static-partition"), classes, experiences)


@pytest.fixture
def function(tmp_path, monkeypatch):
    """Write a function that tells tags, and return how the option names it."""

    def write(body):
        name = f"own_tags_{next(MODULES)}"  # one name is imported once
        (tmp_path / f"{name}.py").write_text(f"def tag(label):\n    {body}\n", "utf-8")
        monkeypatch.syspath_prepend(tmp_path)
        return f"{name}:tag"

    return write


def test_parity_is_the_default():
    tree = tags()
    assert tree.tag_of == (0, 1) * 5
    assert tree.names == ("even: 0 2 4 6 8", "odd: 1 3 5 7 9")


def test_levels_halve_the_classes_of_each_tag():
    tree = tags(levels=2)
    assert tree.names == ("even/low: 0 2 4", "even/high: 6 8", "odd/low: 1 3 5", "odd/high: 7 9")
    assert tags(2, levels=3).names == ("even/low/low: 0", "odd/low/low: 1")


def test_groups_may_nest():
    tree = tags(6, tags=NESTED)
    assert tree.names == ("1/1: 0 4", "1/2: 2", "2/1: 1", "2/2: 3 5")
    assert tree.nodes(1) == [("1",), ("2",)]
    assert [tree.span(node) for node in tree.nodes(1)] == [(0, 2), (2, 4)]


def test_tags_by_experience_know_no_class():
    tree = tags(6, 3, tags="experience")
    assert tree.tag_of is None
    assert tree.names == ("experience 1", "experience 2", "experience 3")


def test_a_function_names_tags(function):
    name = function("return 'small' if label < 4 else 'large'")
    assert tags(6, tags=name).names == ("small: 0 1 2 3", "large: 4 5")
    nested = function("return f'{label % 2}/{label // 3}'")
    assert tags(6, tags=nested).names == ("0/0: 0 2", "0/1: 4", "1/0: 1", "1/1: 3 5")
    assert tags(3, tags=function("return label")).tag_of == (0, 1, 2)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise KeyError(label)", "KeyError: 0; give a function .* class from 0 to 5"),
        ("return None", "calls the tag of class 0 None; return a name such as 'even'"),
        ("return 'even/'", "calls the tag of class 0 'even/'"),
        ("return 'a' if label < 5 else 'a/b'", "returns 'a' for class 0 and 'a/b' for class 5; .* equally deep"),
    ],
)
def test_a_function_that_tells_no_tags_is_refused(function, body, message):
    with pytest.raises(UsageError, match=message):
        tags(6, tags=function(body))


@pytest.mark.parametrize(("name", "error"), [("not_there:tag", "ModuleNotFoundError"), ("math:tag", "AttributeError")])
def test_a_function_that_is_not_there_is_refused(name, error):
    with pytest.raises(UsageError, match=f"tags={name} cannot be used: {error}"):
        tags(tags=name)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tags": "colour"}, r"give parity, experience, groups such as .* or package.module:function"),
        ({"tags": [0, 1]}, "these are classes, not groups"),
        ({"tags": [[0, 1], []]}, "a group is empty"),
        ({"tags": [[0, 1], [1, 2]]}, "class 1 stands in tags more than once"),
        ({"tags": [[[0], [1]], [2]]}, "nests unevenly"),
        ({"tags": [[0, -1]]}, "-1 is no class; give classes from 0"),
        ({"tags": [[0, True]]}, "True is no class"),
        ({"tags": [[0], 1]}, "holds classes beside groups"),
        ({"tags": "experience", "levels": 2}, "levels=2 halves classes, which tags=experience does not sort"),
        ({"levels": 0}, "greater than or equal to 1"),
        ({"overlap": 1}, "less than 1"),
        ({"route": "oracle"}, "'gate' or 'confidence'"),
        ({"gate_hidden": 0}, "greater than or equal to 1"),
        ({"dropout": 1}, "less than 1"),
    ],
)
def test_options_that_cannot_work_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        validate_options(PartitionOptions, options, "static-partition")


@pytest.mark.parametrize(
    ("groups", "message"),
    [([[0, 1], [2, 3]], "misses class 4, .* the classes 0 to 5"), ([[0, 1, 2, 3, 4, 5, 6]], "holds class 6")],
)
def test_a_mapping_must_hold_every_class_of_the_stream(groups, message):
    with pytest.raises(UsageError, match=message):
        tags(6, tags=groups)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tags": [[0], [1], [2]], "hidden": [2]}, "layer 1 has 2 units for 3 tags; give it more units"),
        ({"overlap": 0.75, "hidden": [4]}, "layer 1 has 1 units for 2 tags beside the 3 that overlap shares"),
        ({"levels": 2, "hidden": [8, 3]}, "layer 2 has 3 units for 4 tags"),
        ({"levels": 2, "hidden": [8]}, "tags lie 2 deep, but hidden has 1 layers; .*hidden=256,256"),
    ],
)
def test_more_tags_than_units_or_layers_are_refused(make, options, message):
    class Stream:
        input_shape, classes = (1, 4, 4), 4 if "levels" in options else 3

        def __len__(self):
            return 1

    with pytest.raises(UsageError, match=message):
        make(Stream(), "class", **options)


def test_the_command_line_can_tell_groups():
    assert PartitionOptions(tags=parse_value("[[0,2],[1,3]]")).tags == ((0, 2), (1, 3))
    assert PartitionOptions(tags=parse_value("parity")).tags == "parity"


def test_widths_follow_the_network_unless_given():
    assert PartitionOptions().hidden == (256, 256)
    assert PartitionOptions(network="cnn").hidden == (16, 32, 64)
    assert PartitionOptions(network="cnn", hidden=(5,)).hidden == (5,)


@given(
    paths=st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("de")), min_size=1, max_size=12),
    widths=st.lists(st.integers(6, 40), min_size=2, max_size=4),
    overlap=st.floats(0, 0.5),
)
def test_every_unit_and_every_class_has_its_place(paths, widths, overlap):
    groups: dict[str, dict[str, list[int]]] = {}
    for label, (outer, inner) in enumerate(paths):
        groups.setdefault(outer, {}).setdefault(inner, []).append(label)
    options = PartitionOptions(
        tags=[list(within.values()) for within in groups.values()], hidden=widths, overlap=overlap
    )
    tree = build_tags(options, len(paths), 1)
    for label, path in enumerate(paths):  # classes share a tag exactly where they share a group
        assert all((tree.tag_of[label] == tree.tag_of[other]) == (path == paths[other]) for other in range(len(paths)))
    spans = [tree.span(node) for node in tree.nodes(1)]
    assert [first for first, _ in spans] == [0, *(last for _, last in spans[:-1])]
    assert spans[-1][1] == len(tree.paths)
    try:
        layers = divide_units(options, tree)
    except UsageError:
        smallest = min(width - round(overlap * width) for width in widths)
        assert smallest < 2 * 3  # 6 tags at most, those of one tag side by side in its share
        return
    assert [sum(layer.owned.values()) + layer.shared for layer in layers] == widths
    assert [list(layer.owned) for layer in layers] == [tree.nodes(1)] + [tree.nodes(2)] * (len(widths) - 1)
    first = layers[0].owned.values()
    assert max(first) - min(first) <= 1
