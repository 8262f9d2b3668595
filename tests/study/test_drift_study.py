"""The whole study on tiny streams: rates, store, processes, refusals."""

import json
import math

import pytest

import morph_cl
from morph_cl.errors import UsageError
from morph_cl.results.record import RunRecord

TINY = {
    "dataset": "digits",
    "samples": 300,
    "presets": ["abrupt", "steady"],
    "strategies": ["mlp", "mlp-adwin", "morph"],
    "seeds": [0, 1],
    "validation_seeds": [10],
    "lrs": [1e-4, 1e-2],
    "hidden": [8],
    "window": 20,
    "options": {"morph": {"window": 32, "memory": 100}},
}
VALIDATED, MEASURED = 2 * 2 * 2, 2 * 2 * 3


class Log(morph_cl.StudyListener):
    """Counts, and stops where it is told to."""

    def __init__(self, stop_after=math.inf):
        self.kept, self.done, self.warnings, self.stop_after = [], [], [], stop_after

    def planned(self, what, runs, kept):
        self.kept.append((runs, kept))

    def finished(self, entry, record, seconds):
        assert seconds > 0
        self.done.append(entry)
        if len(self.done) >= self.stop_after:
            raise KeyboardInterrupt

    def warned(self, message):
        self.warnings.append(message)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The study, done once, and where its runs are."""
    store, log = tmp_path_factory.mktemp("study"), Log()
    return morph_cl.run_drift_study(**TINY, store=store, listener=log), store, log


def figures(study):
    """What the study measured, without times."""
    return {
        (preset, name): {key: row.by_seed(key) for key in row.figures if key != "train_seconds"}
        for preset, rows in study.standings.items()
        for name, row in rows.items()
    }


def same(one, other):
    return repr(figures(one)) == repr(figures(other))  # as texts, for NaN is not itself


def test_rates_are_chosen_and_all_runs_are_measured_with_them(whole):
    study, _, log = whole
    assert log.kept == [(VALIDATED, 0), (MEASURED, 0)]
    assert [choice.contestant for choice in study.rates] == ["mlp", "mlp-adwin"]
    for choice in study.rates:
        assert choice.accuracies[choice.chosen] == max(choice.accuracies.values())
        lrs = {run.record.config.options["naive"]["lr"] for run in study.runs if run.contestant == choice.contestant}
        assert lrs == {choice.chosen}
    assert (study.missing, study.failures, len(study.runs)) == (0, (), MEASURED)
    assert list(study.standings) == TINY["presets"]
    assert [list(rows) for rows in study.standings.values()] == [TINY["strategies"]] * 2
    assert {run.record.seed for run in study.measured} == {0, 1}
    assert [line.preset for line in study.lines] == ["abrupt", "steady", "steady"]


def test_a_second_time_nothing_is_trained(whole):
    study, store, _ = whole
    log = Log()
    again = morph_cl.run_drift_study(**TINY, store=store, listener=log)
    assert log.kept == [(VALIDATED, VALIDATED), (MEASURED, MEASURED)]
    assert log.done == []
    assert same(study, again)
    assert same(study, morph_cl.run_drift_study(**TINY, store=store, train=False))


def test_what_is_told_otherwise_is_not_found_again(whole):
    _, store, _ = whole
    log = Log()
    other = {**TINY, "options": {"morph": {"window": 33, "memory": 100}}}
    study = morph_cl.run_drift_study(**other, store=store, train=False, listener=log)
    assert log.kept == [(VALIDATED, VALIDATED), (MEASURED, MEASURED - 4)]  # the rivals' runs are the same
    assert study.missing == 4
    log = Log()
    study = morph_cl.run_drift_study(**{**TINY, "hidden": [9]}, store=store, train=False, listener=log)
    assert log.kept == [(VALIDATED, 0), (MEASURED // 3, 0)]  # of morph alone: no rate is known
    assert (study.rates, study.runs, study.missing) == ((), (), MEASURED)


def test_a_default_that_changed_makes_another_run(whole):
    study, store, _ = whole
    folder = store / study.runs[0].record.run_id / "start.json"
    text = folder.read_text(encoding="utf-8")
    start = json.loads(text)
    start["strategy"]["options"]["momentum"] = 0.5
    folder.write_text(json.dumps(start), encoding="utf-8")
    try:
        assert morph_cl.run_drift_study(**TINY, store=store, train=False).missing == 1
    finally:
        folder.write_text(text, encoding="utf-8")


def test_an_interrupted_study_goes_on_where_it_was(whole, tmp_path):
    study, _, _ = whole
    with pytest.raises(KeyboardInterrupt):
        morph_cl.run_drift_study(**TINY, store=tmp_path, listener=Log(stop_after=VALIDATED + 3))
    log = Log()
    resumed = morph_cl.run_drift_study(**TINY, store=tmp_path, listener=log)
    assert log.kept == [(VALIDATED, VALIDATED), (MEASURED, 3)]
    assert same(study, resumed)


def test_another_rule_is_applied_to_the_runs_that_there_are(whole):
    study, store, _ = whole
    strict = morph_cl.run_drift_study(**{**TINY, "eps": 0.0, "windows": 5}, store=store, train=False)
    assert strict.missing == 0
    assert strict.standings["abrupt"]["mlp"].figures != study.standings["abrupt"]["mlp"].figures


def test_a_run_that_breaks_does_not_stop_the_others(tmp_path, monkeypatch):
    from morph_cl.engine import parallel
    from morph_cl.errors import RunFailedError

    real = parallel.execute_plan

    def fragile(plan, **more):
        if plan.config.strategy == "morph":
            raise RunFailedError("ValueError: a made-up fault")
        return real(plan, **more)

    monkeypatch.setattr(parallel, "execute_plan", fragile)
    log = Log()
    few = {**TINY, "presets": ["steady"], "seeds": [0], "lrs": [1e-2], "strategies": ["morph", "mlp"]}
    study = morph_cl.run_drift_study(**few, store=tmp_path, listener=log)
    assert [run.contestant for run in study.runs] == ["mlp"]
    assert study.failures == ("morph, steady, seed 0: ValueError: a made-up fault",)
    assert len(log.warnings) == 1


def test_several_processes_measure_the_same(whole, tmp_path):
    study, _, _ = whole
    rate = next(choice.chosen for choice in study.rates if choice.contestant == "mlp")
    few = {**TINY, "presets": ["abrupt"], "lrs": [rate], "strategies": ["mlp", "morph"]}
    apart = figures(morph_cl.run_drift_study(**few, store=tmp_path, jobs=2))
    assert repr(apart) == repr({key: value for key, value in figures(study).items() if key in apart})
    assert len(apart) == 2
    assert len(list(tmp_path.iterdir())) == 4


def test_nothing_needs_to_be_kept():
    few = {**TINY, "presets": ["steady"], "seeds": [0], "lrs": [1e-2], "strategies": ["mlp"], "options": {}}
    study = morph_cl.run_drift_study(**few, store=None)
    assert [run.record.run_id for run in study.runs] == [""]
    assert study.lines == study.places == []


def test_the_file_holds_every_figure_and_no_nan(whole):
    study, _, _ = whole
    content = json.loads(study.to_json())
    assert content["settings"]["seeds"] == [0, 1]
    assert [rate["contestant"] for rate in content["rates"]] == ["mlp", "mlp-adwin"]
    row = content["standings"]["abrupt"]["morph"]
    assert row["by_seed"]["prequential_accuracy"] == list(
        study.standings["abrupt"]["morph"].by_seed("prequential_accuracy").values()
    )
    assert row["figures"]["prequential_accuracy"]["seeds"] == 2
    assert content["standings"]["steady"]["mlp"]["figures"]["recovery_samples"]["mean"] is None
    assert len(content["lines"]) == 3
    columns = study.csv_columns()
    assert [len(values) for values in columns.values()] == [MEASURED, MEASURED]
    assert isinstance(study.measured[0].record, RunRecord)


def test_a_scenario_that_draws_its_own_samples_is_studied_without_a_data_set(tmp_path):
    settings = {"scenario": "drifting-sea", "presets": ["abrupt"], "strategies": ["mlp", "der"], "samples": 300}
    settings |= {"lrs": [0.01], "seeds": [0], "hidden": [8], "store": tmp_path}
    study = morph_cl.run_drift_study(**settings)
    assert (study.config.dataset, study.failures, list(study.standings["abrupt"])) == (None, (), ["mlp", "der"])
    assert morph_cl.run_drift_study(**settings, train=False).missing == 0
    with pytest.raises(UsageError, match="draws its own samples"):
        morph_cl.run_drift_study(**settings, dataset="digits")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"presets": ["abrupt", "abrupd"]}, "abrupt"),
        ({"scenario": "rotated-mnist", "presets": ["five-angles"]}, "no test-then-train stream"),
        ({"dataset": "nowhere"}, "nowhere"),
        ({"samples": 30, "presets": ["recurring"]}, "samples=30"),
        ({"samples": 1_000_000}, "samples=1000000"),
        ({"jobs": 0}, "jobs=0 is not in 1..256"),
        ({"store": None, "train": False}, "no store is given"),
        ({"options": {"morph": {"noveltee": 1}}}, "novelty"),
        ({"options": {"naive": {"lr": 1}}}, "give --lrs"),
        ({"seedz": [1]}, "seeds"),
    ],
)
def test_bad_input_is_refused_before_anything_is_trained(tmp_path, given, said):
    log = Log()
    settings = {**TINY, "store": tmp_path / "store", "listener": log, **given}
    with pytest.raises(UsageError, match=said):
        morph_cl.run_drift_study(**settings)
    assert log.done == []
    assert not (tmp_path / "store").exists()
