"""Adaptation speed-ups in comparisons: the table, the baseline, the columns of files."""

import math

import pytest

from morph_cl.errors import UsageError
from morph_cl.metrics.drift.figures import drift_figures
from morph_cl.report import compare_speed_ups, comparison_report, speed_up_table
from morph_cl.report.speed_ups import speed_up_columns, speed_up_parts
from morph_cl.results.prequential import DriftPoint, Trace

DRIFTS = [
    DriftPoint(start=1_000, end=1_000),
    DriftPoint(start=2_000, end=2_000, recurring=True),
]


def back_after(first, second):
    """Two drifts; after each, so many batches of 10 are poor."""
    correct = [9] * 100 + [2] * first + [9] * (100 - first) + [2] * second + [9] * (100 - second)
    return Trace(batch_sizes=[10] * 300, correct=correct, drifts=DRIFTS)


@pytest.fixture
def drifting(record):
    def make(strategy, trace, seed=0, **changes):
        made = record(strategy, experiences=1, seed=seed, **changes)
        return made.model_copy(update={"trace": trace, "metrics": made.metrics | drift_figures(trace)})

    return make


@pytest.fixture
def study(drifting):
    """MORPH recovers after 110 (seed 1: 120) and 10 samples, naive after 410 and not at all after the second drift."""
    return [
        drifting(strategy, back_after(*poor), seed)
        for seed in (0, 1)
        for strategy, poor in (("morph", (10 + seed, 0)), ("naive", (40, 100)))
    ]


def rows(text):
    return [line.split() for line in text.splitlines() if line.startswith("abrupt")]


def test_each_kind_has_a_row_with_interval_and_bound(study, render):
    found = compare_speed_ups(study)
    assert found.baseline.label == "naive"
    ((group, entries),) = found.measured
    assert group.label == "morph"
    # One poor batch in a window of ten costs 7 points, more than the 5 allowed: back with the first good batch.
    novel, known = entries
    assert novel.ratio == pytest.approx(math.sqrt(410 / 110 * 410 / 120))
    assert (known.ratio, known.bound) == (pytest.approx(1_000 / 10), "at least")
    text = render(speed_up_table(found), 100)
    first, second = rows(text)
    assert first[:3] == ["abrupt", "morph", "3.57"]
    assert first[4:] == ["exact", "90.0", "90.0"]
    assert second[:4] == ["abrupt,", "known", "morph", "100"]
    assert second[5:7] == ["at", "least"]
    assert "Student's over 2 seeds" in " ".join(text.split())
    assert "Adaptation speed-up over naive" in text


def test_the_comparison_has_the_table_and_a_chosen_baseline(study, render):
    text = render(comparison_report(study))
    assert "Adaptation speed-up over naive" in text
    assert text.index("Adaptation speed-up") > text.index("Each recovers to its own level")
    assert "Adaptation speed-up over morph" in render(comparison_report(study, baseline="morph"))
    assert "Adaptation speed-up" not in render(comparison_report(study[:1]))


def test_without_naive_the_first_is_the_baseline(drifting):
    records = [drifting("replay", back_after(40, 40)), drifting("morph", back_after(10, 10))]
    found = compare_speed_ups(records)
    assert found.baseline.label == "replay"
    assert found.measured[0][1][0].ratio > 1
    assert math.isnan(found.measured[0][1][0].low), "one seed"


def test_a_baseline_that_is_not_there_is_refused(study, record):
    with pytest.raises(
        UsageError, match="--baseline ewc: it is not among the strategies; give one of 'morph', 'naive'"
    ):
        compare_speed_ups(study, "ewc")
    with pytest.raises(UsageError, match="--baseline morph: none of the runs is over a drifting stream"):
        compare_speed_ups([record("morph")], "morph")
    assert compare_speed_ups([record("morph"), record("naive")]) is None


def test_strategies_of_one_name_are_told_apart(drifting):
    records = [drifting("replay", back_after(40, 40), options={"mem_size": size}) for size in (500, 1_000)] + [
        drifting("ewc", back_after(20, 20))
    ]
    with pytest.raises(UsageError, match="several strategies go by that name; give one of 'replay mem_size=500', "):
        compare_speed_ups(records, "replay")
    assert compare_speed_ups(records, "replay mem_size=1000").baseline.records == (records[1],)


def test_other_streams_are_left_out_and_said(study, drifting, render):
    elsewhere = drifting("ewc", back_after(5, 5), seed=7)
    other = drifting("der", back_after(5, 5))
    info = other.scenario_info.model_copy(update={"options": {"samples": 7}})
    found = compare_speed_ups([*study, elsewhere, other.model_copy(update={"scenario_info": info})])
    assert [group.label for group in found.elsewhere] == ["ewc", "der"]
    text = " ".join(render(speed_up_table(found), 100).split())
    assert "On other streams or seeds than naive, so left out: ewc, der." in text
    assert [group.label for group, _ in found.measured] == ["morph"]


def test_files_hold_the_figures_of_each_runs_strategy(study):
    found = compare_speed_ups(study)
    columns = speed_up_columns(found, study)
    assert columns[1] == columns[3] == {}
    assert columns[0] == columns[2]
    assert columns[0]["speed_up_baseline"] == "naive"
    assert columns[0]["speed_up_abrupt"] == pytest.approx(3.5686, abs=1e-4)
    assert columns[0]["speed_up_abrupt_known_bound"] == "at least"
    parts = speed_up_parts(found, study)
    assert parts[1] == {}
    novel, known = parts[0]["speed_ups"]
    assert (novel["baseline"], novel["kind"], novel["recurring"], known["recurring"]) == (
        "naive",
        "abrupt",
        False,
        True,
    )
    assert (known["bound"], known["baseline_censored"], known["low"]) == ("at least", 2, pytest.approx(100))
    (alone,) = [part for part in speed_up_parts(compare_speed_ups(study[:2]), study[:2]) if part]
    assert alone["speed_ups"][0]["low"] is None, "one seed has no interval"


@pytest.mark.parametrize("width", [24, 40, 80, 120])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_nothing_is_cut_off(study, render, width, ascii_only):
    text = render(speed_up_table(compare_speed_ups(study), ascii_only=ascii_only), width)
    assert all(len(line) <= width for line in text.splitlines())
    assert "…" not in text
    assert "nan" not in text
    assert text.isascii() or not ascii_only
