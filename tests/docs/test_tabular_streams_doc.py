"""docs/tabular-streams.md names every scenario, pattern and option with its default."""

import re
from pathlib import Path
from typing import get_args

from morph_cl_scenarios.plugin import register_scenarios
from morph_cl_scenarios.tabular.options import AgrawalOptions, LedOptions, MovingPattern, RbfOptions, SeaOptions

TEXT = (Path(__file__).parents[2] / "docs" / "tabular-streams.md").read_text(encoding="utf-8")
DRAWN = [spec for spec in register_scenarios() if spec.draw is not None]


def test_the_page_names_every_scenario_pattern_option_and_preset():
    assert len(DRAWN) == 6
    for spec in DRAWN:
        for name in (spec.name, *spec.presets, *spec.params.model_fields, *get_args(MovingPattern)):
            assert f"`{name}`" in TEXT, name


def test_defaults_are_those_of_the_options():
    rows = dict(re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| (.*) \|$", TEXT, re.MULTILINE))
    sea, agrawal, led, rbf = SeaOptions(), AgrawalOptions(), LedOptions(), RbfOptions()
    for name in ("samples", "warm_up", "test_size"):
        assert f"{getattr(sea, name):,}" in rows[f"`{name}`"]
    assert f"`{','.join(map(str, sea.variants))}`" in rows["`variants`"]
    assert agrawal.functions == tuple(range(10))
    assert sea.noise == led.noise == 0.1
    assert f"{agrawal.perturbation:g}" in rows["`perturbation`"]
    assert f"{led.drift_attributes} of 7" in rows["`drift_attributes`"]
    assert f"{rbf.centroids}, {rbf.features} and {rbf.classes}" in rows["`centroids`, `features`, `classes`"]
    assert f"{rbf.change_speed:g}" in rows["`change_speed`"]
    assert f"`{','.join(sea.patterns)}`" in TEXT
