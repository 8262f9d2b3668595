"""The code of docs/morph.md runs."""

import re
from pathlib import Path

TEXT = (Path(__file__).parents[2] / "docs" / "morph.md").read_text(encoding="utf-8")


def test_code_runs(capsys):
    (block,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    exec(block, {})
    printed = capsys.readouterr().out
    assert all(f"'{name}'" in printed for name in ("accuracy", "loss", "count", "share"))
