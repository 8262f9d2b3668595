"""Reached or not, from hand-made traces."""

import math

import pytest

from morph_cl.results.prequential import DriftPoint
from morph_cl.study.lines import judge_lines, judge_places
from morph_cl.study.standings import standings_of

NOVEL = DriftPoint(start=1_000, end=1_000, kind="abrupt")
KNOWN = DriftPoint(start=3_000, end=3_000, kind="recurring", recurring=True)
SLOW = DriftPoint(start=2_000, end=2_200, kind="gradual")


@pytest.fixture
def judged(study_run, rule):
    """The lines of one preset from the traces of morph and mlp, one a seed."""

    def judge(preset, morph, mlp):
        runs = [
            study_run(preset, name, seed, trace)
            for name, traces in (("mlp", mlp), ("morph", morph))
            for seed, trace in enumerate(traces)
        ]
        return judge_lines(standings_of(runs, rule))

    return judge


@pytest.mark.parametrize(("preset", "drift", "line"), [("recurring", KNOWN, 10), ("abrupt", NOVEL, 3)])
def test_recovery_is_reached_by_so_many_times(judged, trace, preset, drift, line):
    # So many poor batches of 10 and one good one: recovery after 10 (poor + 1) samples.
    (reached,) = judged(preset, [trace(4, [drift])] * 2, [trace(5 * line - 1, [drift])] * 2)
    assert (reached.figure, reached.reached, reached.bound) == (pytest.approx(line), "yes", "exact")
    assert (reached.low, reached.high, reached.seeds) == (pytest.approx(line), pytest.approx(line), 2)
    assert reached.needed == f"{line} times faster than mlp"
    (missed,) = judged(preset, [trace(4, [drift])] * 2, [trace(5 * line - 2, [drift])] * 2)
    assert missed.reached == "no"


def test_recurring_and_novel_drifts_are_not_mixed_up(judged, trace):
    morph, mlp = trace(4, [NOVEL, KNOWN]), trace(49, [NOVEL, KNOWN])
    mixed = morph.model_copy(update={"correct": [*mlp.correct[:200], *morph.correct[200:]]})
    (line,) = judged("recurring", [mixed], [mlp])
    assert (line.figure, line.reached) == (pytest.approx(10), "yes")


def test_a_drift_that_was_not_recovered_from_leaves_a_line_open(judged, trace):
    never, soon, late = (trace(poor, [KNOWN]) for poor in (600, 4, 40))
    (own,) = judged("recurring", [never], [late])
    assert (own.bound, own.reached) == ("at most", "no")
    (others,) = judged("recurring", [late], [never])
    assert (others.bound, others.reached) == ("at least", "open")
    (surely,) = judged("recurring", [soon], [never])
    assert (surely.bound, surely.reached) == ("at least", "yes")


@pytest.mark.parametrize("preset", ["gradual", "incremental"])
@pytest.mark.parametrize(("poor", "reached"), [(1, "yes"), (50, "yes"), (51, "no"), (100, "no")])
def test_half_the_area_is_the_line(judged, trace, preset, poor, reached):
    (line,) = judged(preset, [trace(poor, [SLOW])], [trace(100, [SLOW])])
    assert (line.figure, line.reached) == (pytest.approx(poor / 100), reached)
    assert math.isnan(line.low)  # one seed has no interval


def test_steady_streams_are_judged_by_accuracy_and_growths(judged, trace):
    mlp = trace(0)
    near = mlp.model_copy(update={"correct": [8] * 30 + [9] * 570})  # 30 of 6,000 more are wrong: half a point
    accuracy, growths = judged("steady", [near], [mlp])
    assert (accuracy.figure, accuracy.reached) == (pytest.approx(0.5), "yes")
    assert (growths.figure, growths.reached) == (0, "yes")
    far = mlp.model_copy(update={"correct": [8] * 31 + [9] * 569})
    assert judged("steady", [far], [mlp])[0].reached == "no"
    assert judged("steady", [mlp], [far])[0].reached == "yes"  # better is near enough


def test_the_worst_seed_counts_its_growths_by_60000_samples(judged, trace):
    _, line = judged("steady", [trace(0), trace(0, growths=[500])], [trace(0)] * 2)
    assert (line.figure, line.reached) == (10, "no")  # one in 6,000 samples


def test_streams_without_both_have_no_lines(study_run, trace, rule):
    runs = [study_run("abrupt", "morph", 0, trace(4, [NOVEL])), study_run("gradual", "mlp", 0, trace(4, [SLOW]))]
    assert judge_lines(standings_of(runs, rule)) == []


def test_what_cannot_be_measured_is_neither_reached_nor_missed(judged, trace):
    early = DriftPoint(start=0, end=0, kind="abrupt")  # has no level before it
    (line,) = judged("abrupt", [trace(4, [early])], [trace(9, [early])])
    assert (line.reached, line.seeds) == ("not measured", 0)
    (area,) = judged("gradual", [trace(0, [SLOW])], [trace(0, [SLOW])])  # nothing was lost to compare with
    assert area.reached == "not measured"


def test_places_count_the_columns_in_which_contestants_differ(study_run, trace, rule):
    soon, late = trace(4, [NOVEL], alarms=[1_005]), trace(40, [NOVEL])
    runs = [study_run("abrupt", "mlp", 0, late), study_run("abrupt", "morph", 0, soon)]
    places = {place.figure: place.first for place in judge_places(standings_of(runs, rule))}
    # Level, drop, time and bytes are alike; nobody else raises alarms or grows.
    assert places == {"prequential_accuracy": True, "recovery_samples": True, "area_lost": True}
    behind = [study_run("abrupt", "mlp", 0, soon), study_run("abrupt", "morph", 0, late)]
    assert not any(place.first for place in judge_places(standings_of(behind, rule)))
    assert judge_places(standings_of(runs[:1], rule)) == []
