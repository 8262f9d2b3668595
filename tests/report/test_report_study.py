"""The tables of the study of drifts."""

import re

import pytest

from morph_cl.metrics.drift.recovery import RecoveryRule
from morph_cl.report.study import drift_study_report, places_text
from morph_cl.report.study_table import measure_names, ratio_text
from morph_cl.results.prequential import DriftPoint, Trace
from morph_cl.study.lines import Place
from morph_cl.study.rates import RateChoice
from morph_cl.study.result import DriftStudy
from morph_cl.study.settings import DriftStudyConfig
from morph_cl.study.standings import BETTER, measured_run

NOVEL = DriftPoint(start=1_000, end=1_000, kind="abrupt")
KNOWN = DriftPoint(start=2_000, end=2_000, kind="recurring", recurring=True)


@pytest.fixture
def study(record):
    """A made-up study of two streams and three contestants."""

    def make(**changes):
        config = DriftStudyConfig(
            presets=["recurring", "steady"],
            strategies=["mlp", "replay", "morph"],
            seeds=[0, 1],
            samples=3_000,
            lrs=[1e-4, 1e-3, 1e-2],
            **changes,
        )
        rule = RecoveryRule()
        runs = []
        for name, poor in (("mlp", 60), ("replay", 50), ("morph", 4)):
            for seed in (0, 1):
                for preset, drifts in (("recurring", [NOVEL, KNOWN]), ("steady", [])):
                    correct = [9] * 300
                    for drift in drifts:
                        correct[drift.start // 10 : drift.start // 10 + poor + seed] = [1] * (poor + seed)
                    trace = Trace(batch_sizes=[10] * 300, correct=correct, drifts=drifts)
                    made = record(name, experiences=1, seed=seed, options={"lr": 0.003}).model_copy(
                        update={"trace": trace}
                    )
                    runs.append(measured_run(preset, name, made, rule, None if name == "morph" else 1e-3))
        rates = (
            RateChoice("mlp", {1e-4: 0.5, 1e-3: 0.8123, 1e-2: 0.7}, 1e-3),
            RateChoice("replay", {1e-4: 0.5, 1e-3: 0.6, 1e-2: 0.7}, 1e-2),
        )
        return DriftStudy(config, rates, tuple(runs), missing=changes.get("missing", 0))

    return make


def words(text):
    return " ".join(text.split())


@pytest.mark.parametrize("width", [40, 80, 100])
def test_it_says_all_at_any_width(study, render, width):
    text = render(drift_study_report(study()), width)
    assert max(map(len, text.splitlines())) <= width
    said = words(text)
    for part in (
        "drifting-mnist on mnist, streams of 3,000 samples",
        "81.23",
        "0.01 (edge)",
        "0.003 (own)",
        "highest prequential accuracy",
        "replay 500",
        "recovery",
        "recurring",
        "reached",
        "morph is first in",
    ):
        assert part in said


def test_the_lines_stand_with_figure_interval_and_verdict(study, render):
    text = render(drift_study_report(study()), 120)
    rows = [line for line in text.splitlines() if re.search(r" (yes|no|open) *$", line)]
    assert [row.split()[0] for row in rows] == ["recurring", "steady", "steady"]
    assert "recovery from recurring drifts" in rows[0]
    assert "10 times faster than mlp" in rows[0]


def test_the_speed_up_stands_with_its_interval_for_novel_and_recurring_drifts(study, render):
    text = render(drift_study_report(study()), 200)
    heading = next(line for line in text.splitlines() if "recurring" in line and "recovery" not in line)
    assert heading
    assert len(re.findall(r"speed-up,", text)) == 2
    assert re.search(r"\d+(\.\d+)? \[\d+(\.\d+)?, \d+(\.\d+)?\]", text)


def test_plain_ascii_where_nothing_else_is_known(study, render):
    assert render(drift_study_report(study(), ascii_only=True), 100).isascii()


def test_what_is_missing_is_said_and_nothing_at_all_can_be_shown(study, render):
    whole = study()
    part = DriftStudy(whole.config, (), whole.runs[:2], missing=10)
    assert "10 of the runs are not there" in words(render(drift_study_report(part), 80))
    nothing = render(drift_study_report(DriftStudy(whole.config, (), (), missing=12)), 80)
    assert "12 of the runs are not there" in words(nothing)
    assert "first in" not in nothing


def test_one_rate_alone_was_not_chosen(study, render):
    whole = study()
    config = whole.config.model_copy(update={"lrs": (1e-3,)})
    one = DriftStudy(config, (RateChoice("mlp", {}, 1e-3),), whole.runs)
    text = words(render(drift_study_report(one), 80))
    assert "One rate was given, so none was chosen." in text
    assert "edge" not in text


def test_places_are_counted_and_those_behind_are_named():
    places = [Place("abrupt", "area_lost", True), Place("steady", "train_seconds", False)]
    assert places_text(places) == (
        "morph is first in 1 of 2 columns in which contestants differ. Not in steady: train time."
    )
    assert places_text(places[:1]) == "morph is first in 1 of 1 columns in which contestants differ."


def test_every_ranked_figure_has_a_name():
    assert set(BETTER) < set(measure_names())


@pytest.mark.parametrize(
    ("value", "text"),
    [(12.34, "12.3"), (0.0, "0"), (float("nan"), "-"), (float("inf"), "inf"), (12_345.6, "12,346"), (-4.04, "-4.04")],
)
def test_ratios_have_three_figures(value, text):
    assert ratio_text(value) == text
