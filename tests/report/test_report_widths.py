"""What holds for every report at every width."""

import math
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from morph_cl.report import comparison_report, run_report, summary_table
from morph_cl.report.export import to_svg, to_text

STRATEGIES = ("morph", "naive", "replay", "ewc", "joint", "my-very-long-strategy-name")


@st.composite
def studies(draw):
    """Strategies, seeds, experiences and a share of entries that were not measured."""
    return (
        draw(st.lists(st.sampled_from(STRATEGIES), min_size=1, max_size=6, unique=True)),
        draw(st.integers(1, 3)),
        draw(st.integers(1, 40)),
        draw(st.sampled_from([0.0, 0.0, 0.2, 1.0])),
    )


def with_holes(made, share):
    generator = random.Random(0)
    matrix = [[math.nan if generator.random() < share else value for value in row] for row in made.accuracy_matrix]
    metrics = {name: math.nan if share else value for name, value in made.metrics.items()}
    return made.model_copy(update={"accuracy_matrix": matrix, "metrics": metrics})


@settings(max_examples=40, deadline=None)
@given(study=studies(), width=st.integers(24, 160), ascii_only=st.booleans())
def test_no_line_is_wider_than_the_console_and_nothing_is_cut_off(record, render, study, width, ascii_only):
    names, seeds, experiences, share = study
    records = [
        with_holes(record(name, experiences=experiences, seed=seed), share) for seed in range(seeds) for name in names
    ]
    text = render(comparison_report(records, ascii_only=ascii_only), width)
    assert all(cell_len(line) <= width for line in text.splitlines())
    assert "…" not in text
    assert "\x1b" not in text
    assert "nan" not in text
    if ascii_only:
        assert text.isascii()


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
def test_every_figure_of_the_table_is_there_at_every_width(record, render, width):
    records = [record(name, seed=seed) for name in ("morph", "naive", "joint") for seed in (0, 1)]
    wide = re.findall(r"[-+]?\d+\.\d±\d+\.\d", render(summary_table(records), 250))
    assert len(wide) >= 3 * 6
    assert sorted(re.findall(r"[-+]?\d+\.\d±\d+\.\d", render(summary_table(records), width))) == sorted(wide)


def test_forgetting_stands_beside_accuracy_memory_and_time_at_60_columns(record, render):
    records = [record(name, seed=seed) for name in ("morph", "naive", "joint") for seed in (0, 1)]
    first_block = render(summary_table(records), 60).split("\n\n")[0]
    for word in ("average", "learned", "forget-", "memory", "train"):
        assert word in first_block


def test_no_color_keeps_the_drawing_and_drops_the_colours(record, render):
    records = [record(name) for name in ("morph", "naive")]
    coloured = render(comparison_report(records), colour=True)
    plain = render(comparison_report(records), no_color=True)
    colour_code = re.compile(r"\x1b\[[\d;]*\b(3[0-9]|4[0-9]|9[0-7]|10[0-7])\b[\d;]*m")
    assert colour_code.search(coloured)
    assert not colour_code.search(plain)
    assert any("\u2800" < char < "\u2900" for char in plain)


def test_a_label_that_is_not_ascii_is_replaced_at_its_width(record, render):
    made = record("morph", experiences=2)
    info = made.scenario_info.model_copy(update={"experiences": ["15°", "回転\n"]})
    made = made.model_copy(update={"scenario_info": info, "run_id": "lauf-ä[red]"})
    text = render(run_report(made, ascii_only=True), 80)
    assert text.isascii()
    assert "15d" in text
    assert "????" in text
    assert "lauf-?[red]" in text or "lauf-a[red]" in text
    assert "回転" in render(run_report(made), 80)


def test_one_experience_and_one_run(record, render):
    text = render(run_report(record("naive", experiences=1)), 80)
    assert "1 experience," not in text
    assert "1 experience " in text
    assert "forget-" in text


def test_the_run_report_says_what_the_run_was(record, render):
    made = record("replay", seed=3)
    text = render(run_report(made), 100)
    for word in (made.run_id, "rotated-mnist", "five-angles", "domain", "mnist-5k", "4,000", "1,000"):
        assert word in text
    assert "0123456789ab" in text
    assert "0123456789abc" not in text
    assert "mem_size=500" in text
    assert "free" in text
    assert "growth: 5 (experience 1-5), sleep: 1 (experience 5)" in render(run_report(record("morph")), 100)


def test_the_comparison_shows_the_matrix_of_morph_else_of_the_first(record, render):
    assert "Accuracy matrix of morph" in render(comparison_report([record("naive"), record("morph")]))
    assert "Accuracy matrix of naive" in render(comparison_report([record("naive"), record("ewc")]))


def test_exports(record):
    report = comparison_report([record("morph"), record("naive")])
    text = to_text(report, width=72)
    assert max(cell_len(line) for line in text.splitlines()) <= 72
    assert "\x1b" not in text
    svg = to_svg(report, width=72, title="two learners")
    assert svg.startswith("<svg")
    assert "two&#160;learners" in svg or "two learners" in svg
