"""docs/drift.md names every figure, and its code prints what it says."""

import re
from pathlib import Path

from morph_cl import RecoveryRule, Trace, drift_figures

TEXT = (Path(__file__).parents[2] / "docs" / "drift.md").read_text(encoding="utf-8")


def test_tables_name_every_figure():
    named = re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE)
    assert named == list(drift_figures(Trace(batch_sizes=[], correct=[])))


def test_defaults_are_those_of_the_rule():
    (defaults,) = re.findall(r"`RecoveryRule\(\)`: (.*)\.\n", TEXT)
    assert repr(RecoveryRule()) == f"RecoveryRule({defaults.replace('`', '')})"


def test_code_prints_what_it_says(capsys):
    (block,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    exec(block, {})
    assert capsys.readouterr().out.strip() == block.rsplit("# ", 1)[1].strip()
