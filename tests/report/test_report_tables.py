"""The summary table, grouping, and figures as texts."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morph_cl.errors import UsageError
from morph_cl.report import comparison_report, summary_table
from morph_cl.report.formats import (
    duration,
    human_bytes,
    human_count,
    number_ranges,
    one_line,
    option_value,
    percent,
)
from morph_cl.report.grouping import group_records, same_stream
from morph_cl.report.summary import columns_for


def row_of(text, name):
    return next(line for line in text.splitlines() if line.startswith(name))


def test_one_seed_has_no_interval_and_several_have(record, render):
    assert "±" not in render(summary_table([record("morph"), record("naive")]))
    text = render(summary_table([record("morph", seed=0), record("morph", seed=1), record("morph", seed=2)]))
    assert re.search(r"9\d\.\d±\d\.\d", row_of(text, "morph"))
    assert "95 % interval over 3 seeds" in " ".join(text.split())
    assert "+-" in render(summary_table([record("morph"), record("morph", seed=1)], ascii_only=True))


def test_the_interval_is_students(record, render):
    runs = [
        record("naive", seed=seed, metrics={"average_accuracy": value}) for seed, value in enumerate((0.80, 0.82, 0.84))
    ]
    assert "82.0±5.0" in render(summary_table(runs))  # 4.303 * 0.02 / sqrt(3)


def test_best_is_marked_and_an_upper_bound_never_is(record, render):
    text = render(summary_table([record("morph"), record("naive"), record("joint")]))
    assert "*" in row_of(text, "morph")
    assert "*" not in row_of(text, "joint ^")
    assert "^ upper bound" in text
    coloured = render(summary_table([record("morph"), record("naive")]), colour=True)
    assert "*" not in coloured
    assert re.search(r"\x1b\[1;32m9\d\.\d", coloured)


def test_alone_nothing_is_best(record, render):
    assert "*" not in render(summary_table([record("morph"), record("joint")]))


def test_forgetting_is_best_where_it_is_least(record):
    groups = group_records([record("morph"), record("naive")])
    column = next(column for column in columns_for(groups) if column.heading == "forget-\nting")
    assert column.best(groups) == {"morph"}


def test_intransigence_needs_a_joint_run_of_the_same_seed(record, render):
    assert "sigence" not in render(summary_table([record("morph"), record("naive")]))
    assert "sigence" not in render(summary_table([record("morph", seed=1), record("joint", seed=2)]))
    assert "sigence" in render(summary_table([record("morph", seed=1), record("joint", seed=1)]))


def test_what_was_not_measured_is_a_dash(record, render):
    made = record("naive", metrics={"average_accuracy": 0.5, "forgetting": math.nan})
    cells = row_of(render(summary_table([made]), 200), "naive").split()
    assert cells[1:4] == ["50.0", "-", "-"]


def test_runs_of_one_strategy_with_other_options_are_told_apart(record):
    groups = group_records(
        [
            record("replay", options={"mem_size": 200, "lr": 0.1}),
            record("replay", options={"mem_size": 500, "lr": 0.1}),
            record("replay", options={"mem_size": 500, "lr": 0.1}, seed=1),
            record("naive"),
        ]
    )
    assert [group.label for group in groups] == ["replay mem_size=200", "replay mem_size=500", "naive"]
    assert [len(group.records) for group in groups] == [1, 2, 1]


def test_a_run_repeated_with_the_same_seed_counts_once(record):
    old, new = record("naive"), record("naive", run_id="again")
    new = new.model_copy(
        update={"provenance": new.provenance.model_copy(update={"created": "2026-02-01T00:00:00+00:00"})}
    )
    (group,) = group_records([new, old])
    assert [run.run_id for run in group.records] == ["again"]


def test_different_streams_are_pointed_out(record, render):
    first, second = record("naive"), record("morph", experiences=3)
    assert not same_stream(group_records([first, second]))
    assert "compare with care" in render(summary_table([first, second])).replace("\n", " ")
    assert "compare with care" not in render(summary_table([first, record("morph")])).replace("\n", " ")


def test_samples_that_a_scenario_drew_differ_from_seed_to_seed(record, render):
    def drawn(strategy, seed, checksum):
        made = record(strategy, seed=seed)
        data = made.dataset_info.model_copy(update={"drawn": True, "checksum": checksum * 64})
        return made.model_copy(update={"dataset_info": data})

    runs = [drawn(strategy, seed, str(seed)) for strategy in ("naive", "morph") for seed in (0, 1)]
    groups = group_records(runs)
    assert [(group.label, len(group.records)) for group in groups] == [("naive", 2), ("morph", 2)]
    assert same_stream(groups)
    assert render(comparison_report(runs), 120).count("drawn by the scenario for each seed") == 1
    assert not same_stream(group_records([*runs, drawn("ewc", 1, "7")]))
    assert not same_stream(group_records([runs[0], drawn("ewc", 1, "1"), record("si", seed=2)]))


def test_an_empty_comparison_is_refused():
    with pytest.raises(UsageError, match="no runs to compare"):
        comparison_report([])


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (percent(0.94249), "94.2"),
        (percent(-0.00001), "0.0"),
        (percent(0.05, signed=True), "+5.0"),
        (percent(-0.05, signed=True), "-5.0"),
        (percent(math.nan), "-"),
        (human_bytes(0), "0 B"),
        (human_bytes(999), "999 B"),
        (human_bytes(358_440), "358 kB"),
        (human_bytes(1_050_000), "1.05 MB"),
        (human_bytes(999_600), "1 MB"),
        (human_count(1), "1"),
        (human_count(4.5), "4.5"),
        (human_count(89_610), "89.6k"),
        (human_count(999_600), "1M"),
        (duration(4.21), "4.2s"),
        (duration(59.97), "1m00s"),
        (duration(125), "2m05s"),
        (duration(3_725), "1h02m"),
        (number_ranges([3, 1, 2, 5, 5]), "1-3, 5"),
        (option_value((100, 100)), "100,100"),
        (option_value(True), "true"),
        (option_value(None), "none"),
        (one_line(" a\nb\x1b[31m "), "a b [31m"),
    ],
)
def test_figures_as_texts(shown, expected):
    assert shown == expected


@given(st.floats(0, 1e13))
def test_sizes_and_times_stay_short(value):
    assert len(human_bytes(value)) <= 7
    assert len(human_count(value)) <= 7
    assert len(duration(min(value, 3e6))) <= 7


def test_runs_of_two_profiles_are_told_apart(record):
    small = record("morph")
    small = small.model_copy(update={"strategy_info": small.strategy_info.model_copy(update={"profile": "small"})})
    groups = group_records([small, record("morph")])
    assert [group.label for group in groups] == ["morph profile=small", "morph profile=none"]
