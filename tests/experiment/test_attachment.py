from __future__ import annotations

import pytest

from morph_cl.errors import PluginError, UsageError
from morph_cl.experiment.attachment import parse_attachment


@pytest.mark.parametrize(
    ("text", "path", "arguments"),
    [
        ("a.b:C", "a.b:C", {}),
        ("a.b:C()", "a.b:C", {}),
        ("a.b:C(x=1, y='two, three', z=[1, 2])", "a.b:C", {"x": 1, "y": "two, three", "z": [1, 2]}),
        (" a:C(x=-1.5) ", "a:C", {"x": -1.5}),
    ],
)
def test_reads_path_and_literal_arguments(text, path, arguments):
    attachment = parse_attachment(text)
    assert (attachment.path, attachment.arguments) == (path, arguments)


@pytest.mark.parametrize("text", ["", "a.b.C", "a:C(1)", "a:C(x=open('f'))", "a:C(x=)", "a:C(**d)", "a:C(x=1)(y=2)"])
def test_refuses_anything_else(text):
    with pytest.raises(UsageError, match="cannot read plugin"):
        parse_attachment(text)


def test_builds_an_avalanche_plugin():
    plugin = parse_attachment("avalanche.training.plugins:EWCPlugin(ewc_lambda=3.0)").build()
    assert plugin.ewc_lambda == 3.0


def test_refuses_to_build_what_is_no_plugin():
    with pytest.raises(UsageError, match="no Avalanche plugin"):
        parse_attachment("collections:OrderedDict").build()
    with pytest.raises(PluginError, match="cannot import"):
        parse_attachment("no_such_module:Thing").build()
    with pytest.raises(UsageError, match="refuses"):
        parse_attachment("avalanche.training.plugins:EWCPlugin(strength=3)").build()
