"""Each way in which a scenario, data set, metric or detector can break its contract is found and named."""

import math
from functools import partial

import pytest
import torch

from morph_cl import (
    DataError,
    DatasetSpec,
    DetectorSpec,
    ExperienceData,
    MetricSpec,
    NoOptions,
    OnlineStream,
    ScenarioRequest,
    ScenarioSpec,
    hookimpl,
    make_online_stream,
    make_stream,
)
from morph_cl.testing import (
    CheckError,
    check_dataset,
    check_detector,
    check_metric,
    check_plugin,
    check_scenario,
    sample_data,
    sample_record,
)

DATA = sample_data(classes=4, input_shape=(1, 8, 8))


def experiences(data, labels=("one", "two")):
    return [ExperienceData(label, data.train_x, data.train_y, data.test_x, data.test_y) for label in labels]


def good(request, options):
    return make_stream(request, experiences(request.data), classes=request.data.classes)


def global_noise(request, options):
    parts = experiences(request.data)
    order = torch.randperm(len(request.data.train_y))
    parts[0] = ExperienceData("one", parts[0].train_x[order], parts[0].train_y[order], parts[0].test_x, parts[0].test_y)
    return make_stream(request, parts, classes=request.data.classes)


def noisy_detail(request, options):
    return make_stream(request, experiences(request.data), classes=4, detail={"angle": float(torch.rand(()))})


def wrong_setting(request, options):
    return good(ScenarioRequest(request.data, request.seed, "class", request.validation), options)


def no_validation(request, options):
    return good(ScenarioRequest(request.data, request.seed, request.setting), options)


def validation_from_test(request, options):
    parts = experiences(request.data)
    if request.validation:
        parts = [
            ExperienceData(part.label, part.train_x, part.train_y, part.test_x[:8], part.test_y[:8]) for part in parts
        ]
    return make_stream(request, parts, classes=request.data.classes)


def validation_loses_data(request, options):
    parts = experiences(request.data)
    if request.validation:
        parts = [
            ExperienceData(part.label, part.train_x[:40], part.train_y[:40], part.test_x, part.test_y) for part in parts
        ]
    return make_stream(request, parts, classes=request.data.classes)


def few_classes(request, options):
    return make_stream(request, experiences(request.data), classes=2)


def same_labels(request, options):
    return make_stream(request, experiences(request.data, ("one", "one")), classes=4)


def odd_detail(request, options):
    return make_stream(request, experiences(request.data), classes=4, detail={"angles": {1, 2}})


def scenario(build, **fields):
    return ScenarioSpec(name="mine", build=build, summary="A scenario.", **fields)


def test_good_scenario_passes():
    check_scenario(scenario(good, settings=("domain", "class", "task")), data=DATA)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (global_noise, "one seed built two train streams"),
        (noisy_detail, "one seed built two train streams"),
        (wrong_setting, "says it is in the 'class' setting"),
        (no_validation, "no validation stream"),
        (validation_from_test, "changes test data"),
        (validation_loses_data, "are no split of its training data"),
        (few_classes, "labels run from 0 to 3 of 2 classes"),
        (same_labels, "labels repeat: one, one"),
        (odd_detail, "writing its detail as JSON raised TypeError"),
        (lambda request, options: None, "build returned NoneType"),
        (lambda request, options: 1 / 0, "raised ZeroDivisionError"),
    ],
)
def test_bad_scenario_is_named(build, said):
    with pytest.raises(CheckError, match=said) as caught:
        check_scenario(scenario(build), data=DATA)
    assert "scenario 'mine'" in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"presets": {"p": {"angles": 3}}}, "preset 'p' raised UnknownNameError"),
        ({"training": {"p": {"epochs": 1}}}, "training names preset 'p'"),
        ({"presets": {"p": {}}, "training": {"p": {"lr": 1}}}, "only epochs and batch_size"),
    ],
)
def test_bad_presets(fields, said):
    with pytest.raises(CheckError, match=said):
        check_scenario(scenario(good, **fields), data=DATA)


def dataset(build, **fields):
    return DatasetSpec(name="sample", build=build, summary="A data set.", **fields)


def missing(request, options):
    raise DataError("no file; download it.")


def test_good_data_sets_pass():
    check_dataset(dataset(lambda request, options: DATA))
    check_dataset(dataset(missing, present=lambda request: False))


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (dataset(lambda request, options: DATA, present=lambda request: False), "build of missing data returned"),
        (dataset(lambda request, options: 1 / 0, present=lambda request: False), "ZeroDivisionError"),
        (dataset(missing), "build raised DataError"),
        (dataset(lambda request, options: None), "build returned NoneType"),
        (dataset(lambda request, options: DATA, present=lambda request: "yes"), "present returned 'yes'"),
        (
            DatasetSpec(name="other", build=lambda request, options: DATA, summary="A data set."),
            "its data is named 'sample'",
        ),
    ],
)
def test_bad_data_set_is_named(spec, said):
    with pytest.raises(CheckError, match=said):
        check_dataset(spec)


def test_data_set_that_changes():
    draws = iter([sample_data(2, input_shape=(1, 4, 4)), sample_data(3, input_shape=(1, 4, 4))])
    with pytest.raises(CheckError, match="two builds returned other images"):
        check_dataset(dataset(lambda request, options: next(draws)))


def metric(build, **fields):
    return MetricSpec(name="mine", build=build, summary="A metric.", **fields)


def spoil(record):
    record.metrics["spoilt"] = 1.0
    return 0.0


COUNTER = iter(range(100))


@pytest.mark.parametrize(
    ("build", "fields", "said"),
    [
        (lambda record: "high", {}, "returned 'high'"),
        (lambda record: None, {}, "returned None"),
        (lambda record: record.accuracy_matrix[1][0], {}, "build on a run of one experience raised IndexError"),
        (lambda record: record.initial_accuracy[0], {}, "nothing measured raised IndexError"),
        (spoil, {}, "it changed a run of three experiences"),
        (lambda record: next(COUNTER), {}, "returned two figures"),
        (lambda record: 0.5, {"unit": "percent"}, "unit is 'percent'"),
        (lambda trace: trace.drifts[0].start, {"reads": "trace"}, "build on a trace without drifts raised IndexError"),
        (lambda trace: trace.alarms.append(3), {"reads": "trace"}, "returned None for a trace with drifts"),
        (lambda record: record.seed, {"reads": "trace"}, "raised AttributeError"),
    ],
)
def test_bad_metric_is_named(build, fields, said):
    with pytest.raises(CheckError, match=said):
        check_metric(metric(build, **fields))


def test_good_metric_passes():
    check_metric(metric(lambda record: record.accuracy_matrix[-1][0]))
    check_metric(metric(lambda trace: len(trace.alarms) / trace.samples, reads="trace", unit="ratio"))


class Threshold:
    drift_detected = False

    def update(self, value):
        self.drift_detected = value > 0.5

    def reset(self):
        self.drift_detected = False

    def export(self):
        return {"drift": self.drift_detected}

    def load(self, state):
        self.drift_detected = state["drift"]


class Forgetful(Threshold):
    def load(self, state):
        pass


class Vague(Threshold):
    drift_detected = None


class Counting(Threshold):
    """Alarms at every seventh figure, and forgets where it was when it is saved."""

    def __init__(self):
        self.told = 0

    def update(self, value):
        self.told += 1
        self.drift_detected = self.told % 7 == 0


class Errors(Threshold):
    def update(self, value):
        assert value in (0, 1)
        super().update(value)


class Vectors(Threshold):
    def update(self, value):
        super().update(sum(value))


def detector(build, **fields):
    return DetectorSpec(name="mine", build=build, summary="A detector.", **fields)


def test_detectors():
    check_detector(detector(lambda options: Threshold()))
    Vague.update = lambda self, value: None
    with pytest.raises(CheckError, match="drift_detected is None"):
        check_detector(detector(lambda options: Vague()))
    with pytest.raises(CheckError, match="load does not take over"):
        check_detector(detector(lambda options: Forgetful()))
    with pytest.raises(CheckError, match="build raised TypeError"):
        check_detector(detector(lambda: Threshold()))
    with pytest.raises(CheckError, match="does not go on as the detector"):
        check_detector(detector(lambda options: Counting()))


@pytest.mark.parametrize(("build", "kind"), [(Errors, "error"), (Vectors, "features"), (Threshold, "position")])
def test_detectors_are_checked_with_what_they_watch(build, kind):
    check_detector(detector(lambda options: build(), watches=(kind,)))


def test_sample_record_is_whole():
    record = sample_record()
    assert record.experiences == 3
    assert type(record).model_validate_json(record.to_json()).accuracy_matrix == record.accuracy_matrix
    assert math.isnan(sample_record([[math.nan]]).accuracy_matrix[0][0])


# --- whole plugins ---


class Plugin:
    @hookimpl
    def register_metrics(self):
        yield metric(lambda record: 1.0)

    @hookimpl
    def register_detectors(self):
        yield detector(lambda options: Threshold())


def test_whole_plugin():
    assert check_plugin(Plugin()) == ["detector mine", "metric mine"]


def test_plugin_with_one_bad_record():
    class Bad(Plugin):
        @hookimpl
        def register_datasets(self):
            yield dataset(lambda request, options: None, params=NoOptions)

    with pytest.raises(CheckError, match="dataset 'sample': build returned NoneType"):
        check_plugin(Bad())


def test_plugin_that_does_not_load(tmp_path):
    with pytest.raises(CheckError, match=r"does not load: implements no hook"):
        check_plugin(object())
    with pytest.raises(CheckError, match="'no-such-plugin' is no installed plugin"):
        check_plugin("no-such-plugin")
    file = tmp_path / "mine.py"
    file.write_text("raise OSError('gone')")
    with pytest.raises(CheckError, match="does not load: OSError: gone"):
        check_plugin(str(file))


@pytest.mark.parametrize("name", ["metrics", "data", "morph_cl.metrics.plugin"])
def test_plugin_by_name(name):
    assert check_plugin(name)


def online(request, options, *, order=None):
    data = request.data
    size = len(data.train_y)
    rows = torch.arange(size) if order is None else order
    stream = OnlineStream(
        data.train_x[rows], data.train_y[rows], torch.zeros(size, dtype=torch.int64), (), data.classes
    )
    return make_online_stream(request, experiences(data)[0], stream)


def test_an_online_scenario_that_keeps_its_contract_passes():
    check_scenario(ScenarioSpec(name="drip", build=online, summary="One.", online=True), data=DATA)


@pytest.mark.parametrize(
    ("build", "said", "part"),
    [
        (online, False, "online=False, the stream else"),
        (good, True, "online=True, the stream else"),
        (partial(online, order=torch.arange(47, -1, -1)), True, "not the samples of its online stream"),
    ],
)
def test_an_online_scenario_that_breaks_its_contract_is_named(build, said, part):
    with pytest.raises(CheckError, match=part):
        check_scenario(ScenarioSpec(name="drip", build=build, summary="One.", online=said), data=DATA)
