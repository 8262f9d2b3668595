import re
from pathlib import Path

import torch
from morph_cl_scenarios.plugin import register_scenarios

from morph_cl import ScenarioRequest
from morph_cl.bridge.dataset import as_float
from morph_cl.options import NoOptions

PAGE = (Path(__file__).parents[2] / "docs" / "scenarios.md").read_text(encoding="utf-8")


def test_the_page_names_every_scenario_preset_and_option():
    for spec in register_scenarios():
        for name in (spec.name, *spec.presets, *spec.params.model_fields):
            assert f"`{name}`" in PAGE, name
        for choice in (spec.dataset, ", ".join(spec.settings)):
            assert choice in PAGE


def test_the_scenario_of_your_own_works_as_printed(toy):
    register, builder = (
        next(block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if text in block)
        for text in ("def register_scenarios", "def build(")
    )
    hooks, module = {}, {}
    exec(register, hooks)
    exec(builder, module)
    assert [spec.name for spec in hooks["register_scenarios"]()] == ["inverted"]
    stream = module["build"](ScenarioRequest(toy, 0, "domain"), NoOptions())
    assert stream.labels == ("plain", "inverted")
    inverted = torch.stack([sample[0] for sample in stream.benchmark.test_stream[1].dataset])
    assert torch.equal(inverted, as_float(255 - toy.test_x))
