"""Reports of runs over drifting streams."""

import csv
import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from morph_cl.errors import UsageError
from morph_cl.metrics.drift.figures import drift_figures
from morph_cl.report import comparison_report, drift_table, drifts_of_run, prequential_curves, run_report
from morph_cl.report.csv_export import TRACE_COLUMNS, metrics_csv, trace_csv
from morph_cl.report.drift_tables import MOST_DRIFTS
from morph_cl.report.streams import curve_window
from morph_cl.report.timeline import Timeline
from morph_cl.results.prequential import Blip, DriftPoint, HeldOutPoint, Trace

ABRUPT = DriftPoint(start=1_000, end=1_000)
GRADUAL = DriftPoint(start=2_000, end=2_200, kind="gradual")


def make_trace(drifts=(ABRUPT, GRADUAL), batches=300, high=9, low=3, slow=40, **more):
    """Batches of 10: after each drift so many batches are poor."""
    correct = [high] * batches
    for drift in drifts:
        first = drift.start // 10
        correct[first : first + slow] = [low] * len(correct[first : first + slow])
    return Trace(batch_sizes=[10] * batches, correct=correct, drifts=list(drifts), **more)


@pytest.fixture
def drifting(record):
    """A made-up run over a drifting stream."""

    def make(strategy="naive", trace=None, **changes):
        trace = make_trace() if trace is None else trace
        made = record(strategy, experiences=1, **changes)
        return made.model_copy(update={"trace": trace, "metrics": made.metrics | drift_figures(trace)})

    return make


def words(text):
    return " ".join(text.split())


def lanes(text):
    """The rows of marks, the place of the first column taken off."""
    rows = [line for line in text.splitlines() if re.match(r" +[│|]", line)]
    return [row.split("│")[-1].split("|")[-1] for row in rows]


def test_a_run_shows_curve_drifts_and_figures_but_no_matrix_of_one_experience(drifting, render):
    text = render(run_report(drifting()), 120)
    assert "Accuracy on the last 100 samples, each predicted before it was learned" in text
    assert "▲ drifts: abrupt 1, gradual 2" in text
    assert "test-then-train" in text
    assert "3,000 samples, 2 drifts" in words(text)
    for absent in ("Accuracy matrix", "forget-", "learned experiences", "(experience"):
        assert absent not in text


def test_marks_stand_where_things_happened(drifting, render):
    trace = make_trace(alarms=[499, 1_019, 1_029, 2_049], growths=[1_499])
    text = render(prequential_curves([drifting(trace=trace)]))
    rows = text.splitlines()
    floor = next(row for row in rows if "└" in row)
    origin = floor.index("└") + 1
    width = len(floor.rstrip()) - origin
    drifts, alarms, growths = (
        next(row for row in rows if row.lstrip(" │").startswith(mark)) for mark in ("▲", "x", "+")
    )

    def cell(sample):
        return origin + sample * (width - 1) / 3_000

    assert drifts.index("▲1") == pytest.approx(cell(1_000), abs=1)
    assert drifts.index("▲2") == pytest.approx(cell(2_000), abs=1)
    assert drifts.rindex("─") == pytest.approx(cell(2_200), abs=1)
    assert drifts.count("▲") == 2
    assert alarms.index("x") == pytest.approx(cell(499), abs=1)
    assert alarms.index("!") == pytest.approx(cell(1_019), abs=1)
    assert alarms.rindex("!") == pytest.approx(cell(2_049), abs=1)
    assert growths.index("+") == pytest.approx(cell(1_499), abs=1)
    assert "! alarms that answer a drift: 3; x false alarms: 1; + growths: 1" in words(text)


def test_each_drift_has_its_row(drifting, render):
    trace = make_trace(alarms=[1_019], growths=[1_019, 1_500])
    rows = render(drifts_of_run(trace), 100).splitlines()
    first = next(row for row in rows if row.startswith("1 abrupt")).split()
    second = next(row for row in rows if row.startswith("2 gradual")).split()
    # Poor until 1,400 and 2,400, then the good batch of 10 that begins the windows. One poor batch in a window of ten
    # costs 6 points, more than the 5 allowed.
    assert first == ["1", "abrupt", "1,000", "90.0", "60.0", "410", "240", "20", "2"]
    assert second == ["2", "gradual", "2,000-2,200", "90.0", "60.0", "210", "240", "missed", "0"]


def test_what_did_not_come_back_is_a_lower_bound_and_what_cannot_be_told_a_dash(drifting, render):
    never = make_trace(slow=300)
    assert "≥1000" in render(drifts_of_run(never), 100)
    late = make_trace([DriftPoint(start=2_900, end=2_900)])
    row = next(line for line in render(drifts_of_run(late), 100).splitlines() if line.startswith("1 abrupt")).split()
    assert row[5] == "-"


def test_a_known_concept_is_called_so_and_many_drifts_are_cut(render):
    drifts = [DriftPoint(start=100 * number, end=100 * number, recurring=number > 1) for number in range(1, 28)]
    text = render(drifts_of_run(make_trace(drifts, slow=1)), 100)
    assert "2 abrupt, known" in text
    assert f"The first {MOST_DRIFTS} of 27 drifts." in words(text)
    assert f"\n{MOST_DRIFTS + 1} " not in text


def test_strategies_stand_side_by_side_with_intervals_and_the_best_is_marked(drifting, render):
    quick, slow = make_trace(slow=20), make_trace(slow=60, alarms=[1_019, 1_900])
    records = [drifting("morph", quick, seed=seed) for seed in (0, 1)] + [drifting("naive", slow, seed=0)]
    text = render(drift_table(records), 160)
    morph = next(line for line in text.splitlines() if line.startswith("morph"))
    naive = next(line for line in text.splitlines() if line.startswith("naive"))
    assert re.search(r"\*82\.0±0\.0 ", morph)
    assert "*110±0" in morph  # a batch of 10, after 200 poor samples in one case and none in the other
    assert "50.0" in naive  # one of two drifts was missed
    assert "0.56" in naive  # one false alarm in 1,800 quiet samples
    assert "No run raised an alarm" not in text
    assert "\nbefore" not in text
    for heading in ("recovery", "maximum", "area", "missed", "per 1,000"):
        assert heading in text


def test_figures_of_held_out_data_have_their_columns(drifting, render):
    trace = make_trace()
    looks = [HeldOutPoint(samples=at, accuracies=[0.9, 0.8]) for at in range(100, trace.samples, 100)]
    looked = trace.model_copy(update={"concepts": [n % 2 for n in range(len(trace.drifts) + 1)], "held_out": looks})
    assert "stability" in render(drift_table([drifting(trace=looked)]), 200)
    assert "stability" not in render(drift_table([drifting(trace=trace)]), 200)


def test_columns_that_no_run_has_are_left_out(drifting, render):
    text = render(drift_table([drifting(trace=make_trace([]))]), 160)
    assert "recovery" not in text
    assert "missed" not in text
    assert "No run raised an alarm." in text
    assert "prequential" in text
    assert "no drifts" in render(prequential_curves([drifting(trace=make_trace([]))]))


def test_the_table_says_when_streams_differ(drifting, render):
    other = drifting("morph")
    info = other.scenario_info.model_copy(update={"options": {"samples": 7}})
    text = render(comparison_report([drifting("naive"), other.model_copy(update={"scenario_info": info})]))
    assert "compare with care" in text


def test_seeds_whose_drifts_lie_elsewhere_are_stretched_to_meet(drifting, render):
    traces = [make_trace([DriftPoint(start=start, end=start)]) for start in (1_000, 2_000)]
    records = [drifting("naive", trace, seed=seed) for seed, trace in enumerate(traces)]
    text = render(prequential_curves(records))
    assert "stretched, as drifts lie elsewhere in each seed" in words(text)
    timeline = Timeline(traces)
    assert timeline.samples == 3_000
    assert [timeline.place(trace.drifts[0].start, trace) for trace in traces] == [1_500, 1_500]
    assert "stretched" not in render(prequential_curves([drifting("naive", make_trace(), seed=s) for s in (0, 1)]))
    assert "stretched" not in render(prequential_curves([drifting("naive"), drifting("morph")]))


def test_streams_with_other_kinds_of_drift_get_no_marks(drifting, render):
    records = [drifting("naive"), drifting("morph", make_trace([ABRUPT]))]
    text = render(prequential_curves(records))
    assert "the streams drift differently: no drifts are marked" in text
    assert "▲" not in text


@st.composite
def aligned_traces(draw):
    count = draw(st.integers(0, 4))
    traces = []
    for _ in range(draw(st.integers(1, 3))):
        batches = draw(st.integers(6, 60))
        starts = sorted(draw(st.sets(st.integers(0, 10 * batches - 1), min_size=count, max_size=count)))
        traces.append(make_trace([DriftPoint(start=start, end=start) for start in starts], batches, slow=1))
    return traces


@given(aligned_traces())
def test_a_timeline_runs_forward_from_begin_to_end_and_back(traces):
    timeline = Timeline(traces)
    assert timeline.aligned
    for trace in traces:
        places = [timeline.place(edge, trace) for edge in trace.edges]
        assert places == sorted(places)
        assert places[-1] == pytest.approx(timeline.samples, abs=0.5)
        counts = [timeline.batches_by(timeline.samples * step / 50, trace) for step in range(51)]
        assert counts == sorted(counts)
        assert 0 <= counts[0] <= counts[-1] == len(trace.batch_sizes)


@pytest.mark.parametrize(("samples", "window"), [(5, 1), (40, 4), (1_000, 100), (10_000, 100), (60_000, 600)])
def test_windows_of_the_curve_fit_the_stream(samples, window):
    assert curve_window(samples) == window


def test_blips_are_marked_and_called_no_drifts(drifting, render):
    trace = make_trace([], blips=[Blip(start=1_000, end=1_020)], alarms=[1_019])
    text = render(prequential_curves([drifting(trace=trace)]))
    assert "~ blips, which are no drifts; x false alarms: 1" in words(text)
    assert any(line.strip() == "~" for line in lanes(text))


def test_runs_with_and_without_drift_are_both_shown(drifting, record, render):
    text = render(comparison_report([record("naive"), drifting("morph")]), 100)
    assert "Accuracy matrix of naive" in text
    assert "each predicted before it was learned" in text
    assert "compare with care" in text


def test_the_csv_holds_measures_and_counts(drifting, record):
    trace = make_trace(alarms=[1_019, 1_019, 1_500], growths=[1_019])
    heading, run, other = metrics_csv([drifting(trace=trace), record("morph")]).splitlines()
    figures = dict(zip(heading.split(","), run.split(","), strict=True))
    assert [figures[name] for name in ("samples", "drifts", "alarms", "growths")] == ["3000", "2", "2", "1"]
    assert float(figures["recovery_samples"]) == drift_figures(trace)["recovery_samples"]
    assert dict(zip(heading.split(","), other.split(","), strict=True))["drifts"] == ""


def test_the_trace_csv_has_a_row_a_batch(drifting, record):
    trace = make_trace(alarms=[499, 1_019, 1_029], growths=[1_029], blips=[Blip(start=1_500, end=1_520)])
    rows = list(csv.DictReader(trace_csv(drifting(trace=trace)).splitlines()))
    assert len(rows) == 300
    assert tuple(rows[0]) == TRACE_COLUMNS
    assert [rows[n]["alarm"] for n in (48, 49, 101, 102, 103)] == ["", "false", "right", "right", ""]
    assert [n for n, row in enumerate(rows) if row["growth"] == "1"] == [102]
    assert [(n, row["drift"]) for n, row in enumerate(rows) if row["drift"]] == [(100, "abrupt"), (200, "gradual")]
    assert [n for n, row in enumerate(rows) if row["blip"] == "1"] == [150]
    assert [rows[n]["after_drifts"] for n in (99, 100, 299)] == ["0", "1", "2"]
    assert (rows[100]["samples"], rows[100]["size"], rows[100]["correct"]) == ("1010", "10", "3")
    figures = drift_figures(trace)
    assert float(rows[-1]["cumulative_accuracy"]) == figures["prequential_accuracy"]
    assert float(rows[-1]["windowed_accuracy"]) == figures["windowed_accuracy"]
    assert float(rows[-1]["fading_accuracy"]) == figures["fading_accuracy"]
    with pytest.raises(UsageError, match="has no trace"):
        trace_csv(record("morph"))


def test_the_trace_csv_has_a_column_for_each_concept_that_was_looked_at(drifting):
    looks = [
        HeldOutPoint(samples=500, accuracies=[0.5, math.nan, math.nan]),
        HeldOutPoint(samples=3_000, accuracies=[0.25, 0.75, 1.0]),
    ]
    trace = make_trace().model_copy(update={"concepts": [0, 1, 2], "held_out": looks})
    rows = list(csv.DictReader(trace_csv(drifting(trace=trace)).splitlines()))
    columns = [f"held_out_concept_{concept}" for concept in range(3)]
    assert tuple(rows[0]) == (*TRACE_COLUMNS, *columns)
    told = {number: [row[name] for name in columns] for number, row in enumerate(rows) if row[columns[0]]}
    assert told == {49: ["0.5", "", ""], 299: ["0.25", "0.75", "1.0"]}


def test_a_comparison_has_rows_of_events_for_each_strategy(drifting, render):
    naive = [
        drifting("naive", make_trace([DriftPoint(start=start, end=start)], alarms=[start + 19]), seed=seed)
        for seed, start in enumerate((1_000, 2_000))
    ]
    morph = drifting("morph", make_trace([DriftPoint(start=1_000, end=1_000)], alarms=[499], growths=[1_019]))
    text = render(prequential_curves([*naive, morph, drifting("replay", make_trace([ABRUPT]))]))
    rows = [line for line in text.splitlines() if re.match(r" +[NMR]│", line)]
    assert [(row.strip()[0], row.split("│")[1].strip()) for row in rows] == [("N", "!"), ("M", "x"), ("M", "+")]
    assert rows[0].index("!") == pytest.approx(rows[2].index("+"), abs=1), "each stands behind its own drift"
    said = words(text)
    assert "! alarms that answer a drift: N 2; x false alarms: M 1; + growths: M 1; events of all seeds" in said


@st.composite
def drifting_studies(draw):
    """Traces of several strategies and seeds, of any length and with any events."""
    studies = []
    for name in draw(st.lists(st.sampled_from(["morph", "naive", "joint-long-name"]), min_size=1, unique=True)):
        for seed in range(draw(st.integers(1, 2))):
            batches = draw(st.integers(1, 200))
            samples = 10 * batches
            starts = sorted(draw(st.sets(st.integers(0, samples - 1), max_size=5)))
            ends = [*starts[1:], samples]
            slow = draw(st.booleans())
            drifts = [
                DriftPoint(start=start, end=end if slow else start, kind="gradual" if slow else "abrupt")
                for start, end in zip(starts, ends, strict=False)
            ]
            positions = st.lists(st.integers(0, samples - 1), max_size=20)
            trace = make_trace(drifts, batches, alarms=draw(positions), growths=draw(positions))
            studies.append((name, seed, trace))
    return studies


@settings(max_examples=40, deadline=None)
@given(study=drifting_studies(), width=st.integers(24, 140), ascii_only=st.booleans())
def test_no_line_is_too_wide_or_cut_off(record, render, study, width, ascii_only):
    records = []
    for name, seed, trace in study:
        made = record(name, experiences=1, seed=seed)
        records.append(made.model_copy(update={"trace": trace, "metrics": made.metrics | drift_figures(trace)}))
    reports = [comparison_report(records, ascii_only=ascii_only), run_report(records[0], ascii_only=ascii_only)]
    for report in reports:
        text = render(report, width)
        assert all(cell_len(line) <= width for line in text.splitlines())
        for absent in ("…", "\x1b", "nan"):
            assert absent not in text
        if ascii_only:
            assert text.isascii()
            assert "?" not in text


def test_no_color_keeps_the_marks(drifting, render):
    trace = make_trace(alarms=[1_019], growths=[1_499])
    plain = render(run_report(drifting(trace=trace)), no_color=True)
    assert not re.search(r"\x1b\[[\d;]*\b(3[0-9]|4[0-9]|9[0-7])\b[\d;]*m", plain)
    assert all(mark in plain for mark in "▲!+")
    assert re.search(r"\x1b\[[\d;]*\b3[0-9]\b", render(run_report(drifting(trace=trace)), colour=True))


def test_a_strategy_whose_figures_are_missing_gets_dashes(drifting, render):
    made = drifting()
    metrics = dict.fromkeys(made.metrics, math.nan)
    text = render(drift_table([made.model_copy(update={"metrics": metrics}), drifting("morph")]), 160)
    row = next(line for line in text.splitlines() if line.startswith("naive"))
    assert row.split()[1:7] == ["-"] * 6
