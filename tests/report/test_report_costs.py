"""Accuracy against what it costs."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from PIL import Image
from rich.cells import cell_len

from morph_cl.report import cost_report
from morph_cl.report.costs import draw_costs


@pytest.mark.parametrize("width", [24, 50, 100])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_no_line_is_wider_than_the_console(record, render, width, ascii_only):
    records = [record(name, seed=seed) for name in ("morph", "naive", "joint") for seed in (0, 1)]
    text = render(cost_report(records, ascii_only=ascii_only), width)
    assert all(cell_len(line) <= width for line in text.splitlines())
    assert "…" not in text
    assert text.isascii() or not ascii_only


def test_marks_stand_where_accuracy_and_cost_are(record, render):
    text = render(cost_report([record("morph"), record("naive")]), 60)
    by_parameters = text.split("training time")[0].splitlines()[1:]
    (morph,) = [(row, line.index("M")) for row, line in enumerate(by_parameters) if "M" in line]
    (naive,) = [(row, line.index("N")) for row, line in enumerate(by_parameters) if "N" in line]
    assert morph[0] < naive[0], "MORPH is more accurate: higher"
    assert morph[1] > naive[1], "and larger: further right"
    assert "M morph: 96.0 % (448k parameters" in text


def test_alike_costs_and_missing_figures_are_shown(record, render):
    unmeasured = record("naive").model_copy(update={"metrics": {"average_accuracy": math.nan}})
    text = render(cost_report([record("replay"), record("ewc"), unmeasured]), 60)
    assert "N naive: - %" in text
    alone = render(cost_report([unmeasured]), 60)
    assert "against" not in alone, "nothing to plot"


def test_a_picture_is_written(record, tmp_path: Path):
    draw_costs([record("morph"), record("joint")], tmp_path / "costs.png")
    with Image.open(tmp_path / "costs.png") as picture:
        assert picture.format == "PNG"
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 10
