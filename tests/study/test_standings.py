"""Figures over seeds, side by side."""

import math

import pytest

from morph_cl.results.prequential import DriftPoint
from morph_cl.study.standings import best_of, standings_of

NOVEL = DriftPoint(start=1_000, end=1_000, kind="abrupt")


def test_figures_are_means_over_seeds_against_the_baseline_of_each_seed(study_run, trace, rule):
    runs = [
        *(study_run("abrupt", "mlp", seed, trace(poor, [NOVEL])) for seed, poor in enumerate((19, 39))),
        *(study_run("abrupt", "der", seed, trace(poor, [NOVEL])) for seed, poor in enumerate((9, 9))),
    ]
    rows = standings_of(runs, rule)["abrupt"]
    assert rows["mlp"].figures["recovery_samples"].mean == 300
    assert rows["der"].figures["recovery_samples"].mean == 100
    assert rows["der"].by_seed("area_ratio") == {0: pytest.approx(9 / 19), 1: pytest.approx(9 / 39)}
    assert math.isnan(rows["mlp"].figures["area_ratio"].mean)
    (speed,) = rows["der"].speed_ups
    assert (speed.ratio, speed.seeds) == (pytest.approx(math.sqrt(8)), 2)
    assert rows["mlp"].speed_ups == ()
    assert (rows["mlp"].censored, rows["mlp"].drifts) == (0, 2)
    assert rows["mlp"].figures["train_seconds"].mean == 1.5


def test_growths_are_judged_only_of_those_that_grow(study_run, trace, rule):
    quiet = trace(4, [NOVEL], alarms=[1_009, 5_000], growths=[1_009, 5_000, 5_500])
    rows = standings_of([study_run("abrupt", name, 0, quiet) for name in ("mlp-adwin", "morph")], rule)["abrupt"]
    assert rows["morph"].figures["false_growths"].mean == 2
    assert math.isnan(rows["mlp-adwin"].figures["false_growths"].mean)


def test_what_a_contestant_does_when_it_notices_a_drift_is_judged_as_its_alarm(study_run, trace, rule):
    drifts = [NOVEL, DriftPoint(start=3_000, end=3_000, kind="abrupt", recurring=True)]
    noticed = trace(4, drifts, alarms=[1_009, 5_000], growths=[1_019, 5_500])
    runs = [
        *(study_run("recurring", name, 0, noticed) for name in ("mlp", "mlp-adwin")),
        study_run("recurring", "morph", 0, trace(4, drifts, growths=[1_019, 5_500]), reuses=[3_029], follows=[5_700]),
    ]
    rows = standings_of(runs, rule)["recurring"]
    delays = {name: row.figures["detection_delay"].mean for name, row in rows.items()}
    missed = {name: row.figures["missed_detection_rate"].mean for name, row in rows.items()}
    assert math.isnan(delays.pop("mlp"))
    assert math.isnan(missed.pop("mlp"))
    assert delays == {"mlp-adwin": 10, "morph": 25}  # after 20 samples by a growth, after 30 by the expert it knew
    assert missed == {"mlp-adwin": 0.5, "morph": 0}
    quiet_thousands = (6_000 - 2 * 500) / 1_000
    assert rows["mlp-adwin"].figures["false_alarms_per_1000"].mean == pytest.approx(1 / quiet_thousands)
    assert rows["morph"].figures["false_alarms_per_1000"].mean == pytest.approx(2 / quiet_thousands)


def test_without_a_baseline_nothing_is_compared(study_run, trace, rule):
    row = standings_of([study_run("abrupt", "der", 0, trace(4, [NOVEL]))], rule)["abrupt"]["der"]
    assert (row.speed_ups, row.figures["area_ratio"].count) == ((), 0)


def test_the_best_are_those_with_the_best_mean(study_run, trace, rule):
    runs = [
        study_run("abrupt", name, 0, trace(poor, [NOVEL])) for name, poor in (("mlp", 40), ("der", 4), ("replay", 4))
    ]
    rows = standings_of(runs, rule)["abrupt"]
    assert best_of(rows, "recovery_samples") == best_of(rows, "prequential_accuracy") == {"der", "replay"}
    assert best_of(rows, "maximum_drop") == set()  # all alike
    assert best_of(rows, "detection_delay") == set()  # nobody has any
