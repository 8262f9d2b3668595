"""docs/drifting.md names every pattern, option and preset, and its code runs."""

import re
import tomllib
from pathlib import Path
from typing import get_args

from morph_cl_scenarios.drifting.options import PRESETS, DriftingOptions, Pattern, Source

from morph_cl.config import RunConfig
from morph_cl.options import validate_options

TEXT = (Path(__file__).parents[2] / "docs" / "drifting.md").read_text(encoding="utf-8")


def test_the_page_names_every_pattern_source_option_and_preset():
    for name in (*get_args(Pattern), *get_args(Source), *DriftingOptions.model_fields, *PRESETS):
        assert f"`{name}`" in TEXT, name


def test_defaults_are_those_of_the_options():
    defaults = DriftingOptions()
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", TEXT, re.MULTILINE))
    assert rows["patterns"].endswith(f"`{','.join(defaults.patterns)}`")
    for name in ("angle", "contexts", "noise", "blip"):
        assert f"{getattr(defaults, name):g}" in rows[name]
    assert f"{defaults.experience_size:,}" in rows["experience_size"]
    assert f"{defaults.share:g}; of the samples, {defaults.skew:g}" in TEXT


def test_the_file_is_a_configuration():
    (block,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    config = RunConfig.model_validate(tomllib.loads(block))
    validate_options(DriftingOptions, config.options["drifting-mnist"], "drifting-mnist")


def test_the_code_runs(capsys):
    block = next(block for block in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL) if "build_drift" in block)
    exec(block, {})
    assert "kind='swap'" in capsys.readouterr().out
