"""Lists of records, runs and plugins, and the options of a record."""

import json
import math
import subprocess
import sys
from types import SimpleNamespace
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field
from rich.cells import cell_len

from morph_cl.host import LoadedPlugin
from morph_cl.options import Options
from morph_cl.registry import Provider, Registry
from morph_cl.report.csv_export import MATRIX_COLUMNS, matrix_csv, metrics_csv
from morph_cl.report.listing import plugins_table, record_page, records_table, runs_table
from morph_cl.report.options_table import allowed_values, options_table
from morph_cl.specs import ScenarioSpec, StrategySpec

THEIRS = Provider(plugin="theirs", distribution="their-dist", version="2.1")
OURS = Provider(plugin="ours", distribution="morph-cl", version="0.1.0", bundled=True)


class SomeOptions(Options):
    mem_size: Annotated[int, Field(ge=1, le=100_000)] = Field(500, description="samples kept")
    rate: Annotated[float, Field(gt=0, lt=1)] | None = Field(None, description="a share")
    mode: Literal["a", "b"] = "a"
    hidden: tuple[Annotated[int, Field(ge=1)], ...] = Field((100, 100), min_length=1)
    names: list[str] = Field(default_factory=lambda: ["x"])
    needed: str


class ForeignOptions(Options):
    callback: Any = print
    kind: type = int


def flat(text):
    return " ".join(text.split())


@pytest.fixture(scope="module")
def registry():
    filled = Registry("strategy")
    filled.add(
        StrategySpec(name="alpha", build=print, summary="The first one.", params=SomeOptions, boundaries="free"),
        OURS,
    )
    filled.add(StrategySpec(name="beta", build=print, summary="[red]Two[/red].", settings=("task",)), THEIRS)
    return filled


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_records_are_listed_whole_at_every_width(registry, render, width):
    text = render(records_table(registry, title="strategies"), width)
    assert all(cell_len(line) <= width for line in text.splitlines())
    assert "…" not in text
    for word in ("strategies", "alpha", "The first one.", "free", "any", "task", "ours", "[red]Two[/red]."):
        assert word in flat(text)


@pytest.mark.parametrize("width", [40, 80])
def test_a_record_is_shown_with_its_options(registry, render, width):
    text = flat(render(record_page(registry.get("alpha")), width))
    for word in ("strategy alpha", "The first one.", "mem_size", "500", "samples kept", "required"):
        assert word in text
    assert "-o alpha.OPTION=VALUE" in text
    assert "takes no options" in flat(render(record_page(registry.get("beta")), width))
    assert "theirs (their-dist 2.1)" in flat(render(record_page(registry.get("beta")), width))


def test_presets_are_shown(render):
    filled = Registry("scenario")
    spec = ScenarioSpec(
        name="turning",
        build=print,
        summary="It turns.",
        presets={"five": {"angles": [0, 15]}},
        training={"five": {"epochs": 3}},
    )
    filled.add(spec, OURS)
    text = flat(render(record_page(filled.get("turning"))))
    assert "five angles=0,15 epochs=3" in text


def test_options_say_type_range_and_default(render):
    text = render(options_table(SomeOptions), 120)
    for line in ("mem_size int >=1 <=100,000 500 samples kept", "rate float >0 <1 | none none a share"):
        assert line in flat(text)
    assert "mode a | b a" in flat(text)
    assert "hidden list of 1 or more int >=1 100,100" in flat(text)
    assert "names list of text x" in flat(text)
    assert "needed text required" in flat(text)


def test_a_model_that_json_does_not_know_is_still_shown(render):
    text = render(options_table(ForeignOptions))
    assert "callback" in text
    assert "kind" in text


def test_references_and_constants():
    assert allowed_values({"const": 3}) == "3"
    assert allowed_values({"type": "array", "prefixItems": [{"type": "number"}], "minItems": 2, "maxItems": 2}) == (
        "list of 2 float"
    )
    assert allowed_values({"type": "string", "pattern": "^a$"}) == "text matching ^a$"


@pytest.mark.parametrize("width", [40, 80])
def test_runs_are_listed_with_whole_ids_and_reasons(render, width):
    good = SimpleNamespace(
        run_id="rotated-mnist-naive-s0-1",
        status="finished",
        dataset="mnist-5k",
        average_accuracy=0.667,
        reason="",
    )
    bad = SimpleNamespace(
        run_id="other",
        status="unreadable",
        dataset="",
        average_accuracy=math.nan,
        reason="record.json is truncated",
    )
    text = render(runs_table([good, bad]), width)
    assert all(cell_len(line) <= width for line in text.splitlines())
    for word in ("rotated-mnist-naive-s0-1", "finished", "66.7", "mnist-5k", "unreadable"):
        assert word in text
    assert "record.json is truncated" in flat(text)


def test_the_doctor_says_what_is_wrong(registry, render):
    plugins = [
        LoadedPlugin(OURS, records={"strategy": [entry.spec for entry in registry]}),
        LoadedPlugin(THEIRS, status="failed", reason="ImportError: no\nmodule"),
        LoadedPlugin(Provider("quiet", "quiet-dist"), status="ok"),
    ]
    both = [[registry.get("alpha"), registry.get("beta")]]
    text = flat(render(plugins_table(plugins, both)))
    for word in ("2 strategies", "failed", "ImportError: no module", "observes only", "ours:alpha"):
        assert word in text


def test_csv_of_the_matrix(record):
    made = record("naive", matrix=[[0.5, math.nan], [0.25, 0.75]])
    lines = matrix_csv([made]).splitlines()
    assert lines[0] == ",".join(MATRIX_COLUMNS)
    assert lines[1].endswith(",1,0°,1,0°,0.5")
    assert lines[2].endswith(",1,0°,2,15°,")
    assert len(lines) == 5


def test_csv_of_the_metrics_has_the_union_of_columns(record):
    first = record("naive", metrics={"average_accuracy": 0.5})
    second = record("morph", metrics={"forgetting": math.nan, "extra": 2.0})
    header, one, two = (line.split(",") for line in metrics_csv([first, second]).splitlines())
    assert {"average_accuracy", "forgetting", "extra", "total_bytes", "train_seconds", "seed"} <= set(header)
    assert one[header.index("average_accuracy")] == "0.5"
    assert one[header.index("extra")] == ""
    assert two[header.index("forgetting")] == ""


def test_reports_never_import_torch():
    code = (
        "import sys, json, morph_cl.report, morph_cl.report.listing, morph_cl.report.csv_export;"
        "print(json.dumps([m for m in ('torch', 'avalanche', 'numpy') if m in sys.modules]))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(result.stdout) == []


@pytest.mark.parametrize("width", [40, 80])
def test_profiles_and_ablations_are_shown(render, width):
    filled = Registry("strategy")
    spec = StrategySpec(
        name="alpha",
        build=print,
        summary="It learns.",
        params=SomeOptions,
        profiles={"small": {"alpha": {"hidden": [5, 6]}, "mlp": {"hidden": [7]}}},
        ablations={"memory": ({"mem_size": 1, "mode": "b"}, "it remembers nothing")},
    )
    filled.add(spec, OURS)
    text = flat(render(record_page(filled.get("alpha")), width))
    for said in ("small", "alpha.hidden=5,6", "mlp.hidden=7", "memory", "mem_size=1", "mode=b", "remembers nothing"):
        assert said in text


def test_csv_takes_columns_before_its_own(record):
    made = [record("naive"), record("morph")]
    header, one, two = (line.split(",") for line in metrics_csv(made, {"mechanism": ["gate", "graph"]}).splitlines())
    assert header[:2] == ["mechanism", "run_id"]
    assert (one[0], two[0]) == ("gate", "graph")
