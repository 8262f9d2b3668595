"""Whole runs over a drifting stream through the Python API."""

from __future__ import annotations

import math

import pytest
import torch

import morph_cl
from morph_cl.bridge.online import OnlineStream
from morph_cl.bridge.prequential import Counts
from morph_cl.experiment import pace, session
from morph_cl.experiment.listener import RunListener
from morph_cl.experiment.online import look_online, make_trace
from morph_cl.metrics.drift.figures import drift_figures
from morph_cl.metrics.drift.prequential import windowed_accuracy_at
from morph_cl.report.grouping import group_records, same_stream
from morph_cl.results.prequential import Blip, DriftPoint, Trace
from morph_cl.results.record import Event, RunRecord

OPTIONS = {"drifting-mnist": {"patterns": ["recurring"], "experience_size": 60}}


@pytest.fixture
def samples_with_drifts():
    """A stream of 240 samples that drifts at 20, from 60 to 120 and at 200."""
    return OnlineStream(
        x=torch.zeros(240, 1, 2, 2),
        y=torch.zeros(240, dtype=torch.int64),
        concept=torch.zeros(240, dtype=torch.int64),
        drifts=(
            DriftPoint(start=20, end=20),
            DriftPoint(start=60, end=120, kind="gradual"),
            DriftPoint(start=200, end=200),
        ),
        blips=(Blip(start=5, end=9), Blip(start=150, end=160)),
        classes=2,
    )


def run(blobs, strategy="naive", options=None, **settings):
    settings = {"store": None, "threads": 1, **settings}
    return morph_cl.run("drifting-mnist", strategy, dataset=blobs, options={**OPTIONS, **(options or {})}, **settings)


class Witness(RunListener):
    def __init__(self):
        self.fractions = []
        self.looks = []
        self.reports = []

    def progressed(self, progress):
        self.looks.append(progress.online)
        self.fractions.append((progress.experience, progress.experiences, progress.fraction))

    def experience_finished(self, report):
        self.reports.append(report)


def test_a_run_has_a_trace_and_its_measures(blobs):
    witness = Witness()
    record = run(blobs, listener=witness)
    trace = record.trace
    assert trace.batch_sizes == [10] * 24
    assert [drift.recurring for drift in trace.drifts] == [False, True, True]
    assert record.metrics["prequential_accuracy"] == sum(trace.correct) / 240
    for name, figure in drift_figures(trace).items():
        assert record.metrics[name] == pytest.approx(figure, nan_ok=True)
    assert len(record.accuracy_matrix) == 1
    assert record.config.batch_size == 10
    assert record.config.epochs == 1
    assert {point.experience for point in record.curve} == {0}
    assert record.curve[-1].samples == 240
    assert all(0 <= number < count == 4 and 0 < part <= 1 for number, count, part in witness.fractions)


def test_a_run_tells_its_latest_accuracy_while_it_goes_on(blobs, monkeypatch):
    monkeypatch.setattr(pace, "_INTERVAL", 0.0)
    witness = Witness()
    correct = run(blobs, listener=witness).trace.correct
    assert [look.seen for look in witness.looks] == list(range(10, 250, 10))
    assert {look.samples for look in witness.looks} == {240}
    assert witness.looks[0].accuracy == correct[0] / 10
    assert witness.looks[-1].accuracy == sum(correct[-10:]) / 100
    assert {(look.alarms, look.last_alarm) for look in witness.looks} == {(0, None)}


def test_a_look_holds_the_trace_so_far_and_what_has_begun(samples_with_drifts):
    events = [
        Event(kind="drift", experience=0, iteration=1, detail={"position": 12}),
        Event(kind="growth", experience=0, iteration=2),
        Event(kind="drift", experience=0, iteration=7, detail={"position": 71}),
    ]
    counts = Counts([10] * 8, [5] * 8)
    look = look_online(samples_with_drifts, counts, events)
    assert (look.seen, look.samples, look.alarms, look.last_alarm, look.accuracy) == (80, 240, 2, 71, 0.5)
    trace = look.trace
    assert (trace.alarms, trace.growths, trace.samples) == ([19, 79], [29], 80)
    assert [(drift.start, drift.end) for drift in trace.drifts] == [(20, 20), (60, 80)], "the second is still on"
    assert [(blip.start, blip.end) for blip in trace.blips] == [(5, 9)]
    assert Trace.model_validate(trace.model_dump()) == trace
    counts.sizes.append(10)
    assert trace.samples == 80, "it does not change as the run goes on"


def test_alarms_and_growths_are_seen_as_they_happen(blobs, monkeypatch):
    monkeypatch.setattr(pace, "_INTERVAL", 0.0)
    witness = Witness()
    settings = {"detector": "periodic", "on_drift": "grow"}
    options = {"morph": {"boundaries": "free", "window": 32, "holdout": 0.0}, "periodic": {"every": 50}}
    record = run(blobs, "morph", options, listener=witness, **settings)
    last = witness.looks[-1].trace
    assert last.growths == record.trace.growths != []
    assert last.alarms == record.trace.alarms != []
    alarmed = next(look for look in witness.looks if look.trace.alarms)
    assert alarmed.trace.alarms == last.alarms[:1] == [alarmed.seen - 1]
    grown = next(look for look in witness.looks if look.trace.growths)
    assert grown.trace.growths == [grown.seen - 1]
    assert 0 <= last.growths[0] - grown.trace.growths[0] <= 10
    (report,) = witness.reports
    assert report.events == record.events, "what was seen on the way is reported all the same"


def test_the_trace_survives_the_store(blobs, tmp_path):
    record = run(blobs, store=tmp_path)
    assert morph_cl.load_run("latest", store=tmp_path).trace == record.trace
    assert RunRecord.model_validate_json(record.to_json()).trace == record.trace


def test_one_seed_is_one_run(blobs):
    first, second, other = run(blobs, "replay"), run(blobs, "replay"), run(blobs, "replay", seed=1)
    assert first.trace == second.trace
    assert first.accuracy_matrix == second.accuracy_matrix
    assert first.trace.drifts != other.trace.drifts


def test_growths_are_marked_in_the_trace(blobs):
    free = {"boundaries": "free", "window": 32, "holdout": 0.0}
    record = run(blobs, "morph", {"morph": free})
    grown = [event for event in record.events if event.kind == "growth"]
    assert record.trace.growths == [10 * event.iteration + 9 for event in grown]
    assert all(event.experience == 0 for event in record.events)


def test_a_run_is_restored_with_its_memory(blobs, tmp_path):
    record = run(blobs, "replay", store=tmp_path)
    strategy, stream = (
        morph_cl.load_model(record.run_id, store=tmp_path),
        morph_cl.load_stream(record.run_id, store=tmp_path),
    )
    test = stream.benchmark.test_stream[0].dataset.view().batch(torch.arange(80))
    with torch.no_grad():
        right = (strategy.model(test[0]).argmax(1) == test[1]).float().mean()
    assert right == pytest.approx(record.accuracy_matrix[0][0])


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"epochs": 2}, "each sample comes once, so epochs=2 cannot apply"),
        ({"options": {"drifting-mnist": {"samples": 241}}}, "give at most 240"),
        ({"options": {"drifting-mnist": {"patterns": ["gradual"], "width": 121}}}, "give 1 to 120"),
        ({"strategy": "morph"}, "boundaries=free"),
        ({"strategy": "gdumb"}, "before it has come"),
    ],
)
def test_what_cannot_work_is_refused(blobs, settings, part):
    with pytest.raises(morph_cl.UsageError, match=part):
        run(blobs, **settings)


def test_batches_may_be_of_another_size(blobs):
    assert run(blobs, batch_size=100).trace.batch_sizes == [100, 100, 40]


def test_a_stream_can_be_had_by_itself(blobs):
    stream = morph_cl.build_drift_stream(patterns="abrupt", samples=100, dataset=blobs, seed=4)
    assert [len(y) for _, y in stream.batches(30)] == [30, 30, 30, 10]
    assert stream.classes == 4
    assert [drift.kind for drift in stream.drifts] == ["abrupt"]
    with pytest.raises(morph_cl.UsageError, match="no test-then-train stream"):
        morph_cl.build_drift_stream("single", dataset=blobs)
    with pytest.raises(morph_cl.UsageError, match="pattern"):
        morph_cl.build_drift_stream(pattern="abrupt", dataset=blobs)


def test_alarms_stand_at_the_end_of_their_batch(blobs):
    stream = morph_cl.build_drift_stream(patterns="abrupt", samples=100, dataset=blobs)
    events = [
        Event(kind="drift", experience=0, iteration=0, detail={"position": 30}),
        Event(kind="drift", experience=0, iteration=9, detail={"position": 29}),
        Event(kind="drift", experience=0, iteration=3),
        Event(kind="reuse", experience=0, iteration=3),
        Event(kind="growth", experience=0, iteration=0),
    ]
    trace = make_trace(stream, Counts([30, 30, 30, 10], [0, 1, 2, 3]), events)
    assert trace.alarms == [59, 29, 99]
    assert trace.growths == [29]


HELD_OUT = {"drifting-mnist": {**OPTIONS["drifting-mnist"], "held_out_every": 30, "held_out_size": 25}}


@pytest.mark.parametrize(
    ("strategy", "options"),
    [("naive", {}), ("replay", {}), ("der", {}), ("morph", {"boundaries": "free", "window": 32})],
)
def test_looks_at_held_out_data_fill_the_trace_and_change_nothing_else(blobs, strategy, options):
    off, on = run(blobs, strategy, {strategy: options}), run(blobs, strategy, {strategy: options, **HELD_OUT})
    assert off.trace.held_out == off.trace.concepts == []
    assert math.isnan(off.metrics["stability_gap"])
    assert on.trace.correct == off.trace.correct
    assert on.accuracy_matrix == off.accuracy_matrix
    assert [event.kind for event in on.events] == [event.kind for event in off.events]
    assert on.trace.concepts == [0, 1, 0, 1]
    assert on.trace.held_out[-1].samples == 240
    for name in ("stability_gap", "min_held_out_accuracy", "worst_case_held_out_accuracy"):
        assert 0 <= on.metrics[name] <= 1
    assert RunRecord.model_validate_json(on.to_json()).to_json() == on.to_json()


def test_the_curve_so_far_is_the_same_with_looks_at_held_out_data(blobs, monkeypatch):
    monkeypatch.setattr(pace, "_INTERVAL", 0.0)
    shown = []
    for options in ({}, HELD_OUT):
        witness = Witness()
        record = run(blobs, "naive", options, listener=witness)
        traces = [look.trace for look in witness.looks if look is not None]
        assert len(traces) >= 20
        assert all(trace.correct == record.trace.correct[: len(trace.correct)] for trace in traces)
        assert all(windowed_accuracy_at(trace, 20, [len(trace.correct)])[0] >= 0 for trace in traces)
        shown.append([(trace.correct, trace.drifts, trace.alarms) for trace in traces])
    assert shown[0] == shown[1]


@pytest.mark.parametrize("name", ["sea", "agrawal", "led", "rbf"])
def test_rows_of_tables_are_streams_as_any_other(tmp_path, name):
    options = {f"drifting-{name}": {"samples": 400, "held_out_every": 50, "held_out_size": 30}}
    for strategy, own in (
        ("naive", {}),
        ("morph", {"boundaries": "free", "window": 32}),
        ("der", {}),
    ):
        record = morph_cl.run(
            f"drifting-{name}",
            strategy,
            threads=1,
            store=tmp_path,
            detector="adwin",
            options={**options, strategy: own},
        )
        assert record.trace.batch_sizes == [10] * 40
        assert record.dataset == f"river-{name}"
        assert record.config.dataset is None
        assert 0 <= record.metrics["stability_gap"] <= 1
    stream = morph_cl.load_stream(record.run_id, store=tmp_path)
    assert [drift.model_dump() for drift in record.trace.drifts] == stream.detail["drifts"]


def test_strategies_that_store_samples_store_rows_of_tables(tmp_path):
    options = {"drifting-sea": {"samples": 300, "experience_size": 100}, "der": {"mem_size": 50}}
    records = morph_cl.compare(
        "drifting-sea", ["naive", "replay", "der"], seeds=2, options=options, threads=1, store=tmp_path
    )
    assert [len(record.trace.correct) for record in records] == [30] * 6
    groups = group_records(records)
    assert [(group.label, len(group.records)) for group in groups] == [("naive", 2), ("replay", 2), ("der", 2)]
    assert same_stream(groups)
    strategy = morph_cl.load_model(records[-1].run_id, store=tmp_path)
    assert strategy.plugins[0].memory_images.dtype == torch.float32
    del options["der"]
    with pytest.raises(morph_cl.UsageError, match=r"replay\.images=float32"):
        morph_cl.run("drifting-sea", "replay", options={**options, "replay": {"images": "uint8"}}, store=None)


def test_replay_of_bytes_waits_for_its_samples(blobs):
    plain, compact = run(blobs, "replay"), run(blobs, "replay", {"replay": {"images": "uint8"}})
    assert compact.trace == plain.trace


@pytest.mark.parametrize("tags", ["parity", [list(range(5)), list(range(5, 10))]])
def test_a_static_partition_learns_a_drifting_stream(tags):
    options = {
        "drifting-mnist": {"patterns": ["abrupt"], "samples": 600, "experience_size": 100},
        "static-partition": {"tags": tags, "hidden": [64], "lr": 0.01, "decay": False},
    }
    record = morph_cl.run(
        "drifting-mnist", "static-partition", dataset="digits", options=options, threads=1, store=None
    )
    assert len(record.trace.correct) == 60
    assert 0.3 < record.metrics["prequential_accuracy"] < 1
    assert 0 <= record.metrics["gate_tag_share"] <= 1


def test_a_static_partition_by_experience_is_refused_where_experiences_come_piecemeal(blobs):
    with pytest.raises(morph_cl.UsageError, match=r"tags=experience.*test-then-train.*give tags=parity, groups"):
        run(blobs, "static-partition", {"static-partition": {"tags": "experience", "hidden": [16]}})


def test_a_scenario_that_draws_its_samples_takes_no_data_set(blobs):
    with pytest.raises(morph_cl.UsageError, match=r"draws its own samples.*leave it out"):
        morph_cl.run("drifting-sea", "naive", dataset=blobs, store=None)


@pytest.mark.parametrize("name", ["mnist", "sea"])
def test_looks_survive_a_stop(blobs, tmp_path, monkeypatch, name):
    monkeypatch.setattr(session, "ONLINE_CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr("morph_cl.experiment.pace._INTERVAL", 0.0)
    scenario = f"drifting-{name}"
    options = {scenario: {"samples": 240, "experience_size": 60, "held_out_every": 25}}
    settings = {"options": options, "threads": 1, "dataset": blobs if name == "mnist" else None}
    whole = morph_cl.run(scenario, "replay", store=None, **settings)
    with pytest.raises(KeyboardInterrupt):
        morph_cl.run(scenario, "replay", store=tmp_path, listener=StopAt(2), **settings)
    resumed = morph_cl.resume("latest", store=tmp_path)
    assert resumed.trace.model_dump_json() == whole.trace.model_dump_json()
    assert resumed.accuracy_matrix == whole.accuracy_matrix


class StopAt(RunListener):
    """Interrupts the run in an experience that the learner is told of, as Ctrl-C would."""

    def __init__(self, experience):
        self.experience = experience

    def progressed(self, progress):
        if progress.experience == self.experience:
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("strategy", "options"), [("replay", {}), ("der", {}), ("morph", {"boundaries": "free", "window": 32})]
)
def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(blobs, tmp_path, monkeypatch, strategy, options):
    monkeypatch.setattr(session, "ONLINE_CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr("morph_cl.experiment.pace._INTERVAL", 0.0)
    given = {strategy: options}
    whole = run(blobs, strategy, given)
    with pytest.raises(KeyboardInterrupt):
        run(blobs, strategy, given, store=tmp_path, listener=StopAt(2))
    witness = Witness()
    resumed = morph_cl.resume("latest", store=tmp_path, listener=witness)
    assert witness.fractions[0][0] == 2
    assert resumed.trace == whole.trace
    assert resumed.accuracy_matrix == whole.accuracy_matrix
    assert resumed.events == whole.events
    assert [point.samples for point in resumed.curve] == [point.samples for point in whole.curve]
    assert not (tmp_path / resumed.run_id / "checkpoint").exists()


def test_the_oracle_alarms_where_the_stream_drifts_and_its_alarms_stand_in_the_trace(blobs):
    record = run(
        blobs, detector="oracle", options={"drifting-mnist": {**OPTIONS["drifting-mnist"], "patterns": ["abrupt"]}}
    )
    (drift,) = record.trace.drifts
    assert [drift.start <= alarm < drift.start + 10 for alarm in record.trace.alarms] == [True]
    assert record.metrics["missed_detection_rate"] == 0
