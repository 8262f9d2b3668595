"""docs/knowledge-graph.md names every kind and relation, and its code runs."""

import re
from pathlib import Path

import pytest
import torch

from morph_cl.morph.graph import KnowledgeGraph, Signature
from morph_cl.morph.graph.schema import KINDS, RELATIONS, VERSION

TEXT = (Path(__file__).parents[2] / "docs" / "knowledge-graph.md").read_text(encoding="utf-8")


def test_tables_name_every_kind_and_relation():
    first = re.findall(r"^\| `([a-z]+)[:`]", TEXT, re.MULTILINE)
    assert first == [*KINDS, *RELATIONS]
    assert f"`version`, now {VERSION}" in TEXT


def test_code_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    graph = KnowledgeGraph()
    for number in range(3):
        graph.add_expert(number, number - 1 if number else None)
        graph.set_concepts(number, {0: 3, 1: 2}, {1: Signature((0.5,), 0.1)})
    graph.set_similarity(torch.full((3, 3), 0.6), range(3))
    graph.set_hierarchy(range(3))
    monkeypatch.chdir(tmp_path)
    graph.write_json("graph.json")
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL):
        exec(block, names)
    again = names["again"]
    assert isinstance(again, KnowledgeGraph)
    assert again.to_json() == graph.to_json()
