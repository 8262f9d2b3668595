"""The table of ablations: differences paired by seed, marks, what was switched, which data judges."""

import re

import pytest
from rich.cells import cell_len

from morph_cl.errors import UsageError
from morph_cl.report import ablation_report
from morph_cl.results.record import StrategyInfo

WHOLE = {"gate": True, "max_experts": 64, "lr": 0.1}


@pytest.fixture
def variant(record):
    """Makes runs of two experiences, one for each average accuracy, with options of their own."""

    def build(*averages, experts=3, validation=None, **switched):
        runs = [
            record(
                "morph",
                seed=seed,
                matrix=[[0.9, 0.2], [average, average]],
                experts=[1, experts],
                strategy_info=StrategyInfo(name="morph", options={**WHOLE, **switched}),
            )
            for seed, average in enumerate(averages)
        ]
        matrix = [] if validation is None else [[0.9, 0.2], [validation, validation]]
        return [run.model_copy(update={"validation_matrix": matrix}) for run in runs]

    return build


def row_of(text, name):
    return next(line for line in text.splitlines() if line.startswith(name))


def test_a_row_tells_what_was_switched_and_what_it_cost(variant, render):
    text = render(
        ablation_report(
            {
                "defaults": variant(0.9, 0.6, 0.8),
                "gate": variant(0.88, 0.58, 0.77, gate=False),
                "experts": variant(0.95, 0.64, 0.85, max_experts=1, experts=1),
                "rate": variant(0.95, 0.55, 0.8, lr=0.5, gate=False),
            }
        ),
        120,
    )
    assert row_of(text, "defaults").split()[1:3] == ["76.7", "-"]
    assert row_of(text, "gate=false").split()[1:3] == ["74.3", "*+2.3±1.4"]  # 4.303 * 0.577 / sqrt(3)
    assert row_of(text, "experts max_experts=1").split()[2:4] == ["81.3", "*-4.7±1.4"]
    assert row_of(text, "rate gate=false lr=0.5").split()[3:5] == ["76.7", "0.0±12.4"]
    assert row_of(text, "experts").split()[-1] == "1"
    for said in ("means over 3 seeds", "+ the mechanism helps, - it harms", "* it excludes 0", "test data"):
        assert said in " ".join(text.split())


def test_the_difference_is_of_runs_of_one_seed_whatever_their_order(variant, render):
    without = variant(0.88, 0.58, gate=False)
    text = render(ablation_report({"defaults": variant(0.9, 0.6), "gate": without[::-1]}), 120)
    assert "*+2.0±0.0" in row_of(text, "gate=false")


def test_one_seed_has_no_interval_and_no_mark(variant, render):
    text = render(ablation_report({"defaults": variant(0.9), "gate": variant(0.5, gate=False)}), 120)
    assert row_of(text, "gate=false").split()[2] == "+40.0"
    assert "±" not in text
    assert "*" not in text
    assert "--seeds 3" in text


def test_no_difference_is_not_marked(variant, render):
    text = render(ablation_report({"defaults": variant(0.9, 0.7), "gate": variant(0.9, 0.7, gate=False)}), 120)
    assert row_of(text, "gate=false").split()[2] == "0.0±0.0"


def test_validation_data_judges_where_all_runs_have_it(variant, render):
    runs = {"defaults": variant(0.9, validation=0.8), "gate": variant(0.5, validation=0.7, gate=False)}
    text = render(ablation_report(runs), 120)
    assert row_of(text, "gate=false").split()[1:4] == ["70.0", "+10.0", "20.0"]
    assert "valid." in text
    assert "validation data" in text
    text = render(ablation_report({**runs, "gate": variant(0.5, gate=False)}), 120)
    assert row_of(text, "gate=false").split()[1] == "50.0"
    assert "test data" in text


def test_the_mark_is_a_star_in_colour_too(variant, render):
    runs = {"defaults": variant(0.9, 0.6), "gate": variant(0.95, 0.65, gate=False)}
    assert re.search(r"\x1b\[1m\*-5\.0", render(ablation_report(runs), colour=True))


@pytest.mark.parametrize("width", [40, 80, 120])
def test_nothing_is_cut_off(variant, render, width):
    runs = {"defaults": variant(0.9, 0.6), "experts": variant(0.95, 0.65, max_experts=1)}
    text = render(ablation_report(runs), width)
    assert all(cell_len(line) <= width for line in text.splitlines())
    for heading in ("bution", "learned", "memory", "perts", "max_experts=1"):
        assert heading in text
    if width == 80:
        headings = [line for line in text.splitlines() if line.startswith("mechanism")]
        assert len(headings) == 1, "one block: names fold before columns move below"
    assert render(ablation_report(runs, ascii_only=True), width).isascii()


def test_other_streams_are_pointed_out(variant, record, render):
    runs = {"defaults": variant(0.9), "gate": [record("morph", experiences=3)]}
    assert "compare with care" in " ".join(render(ablation_report(runs)).split())


def test_without_defaults_there_is_no_report(variant):
    with pytest.raises(UsageError, match="'defaults'"):
        ablation_report({"gate": variant(0.9)})
