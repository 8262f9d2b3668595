"""The contracts of data sets, metrics and detectors."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from morph_cl.catalog import Catalog
from morph_cl.data.images import ImageData
from morph_cl.data.request import DatasetRequest
from morph_cl.errors import DataError
from morph_cl.results.prequential import Trace
from morph_cl.results.record import RunRecord
from morph_cl.specs import DatasetSpec, DetectorSpec, MetricSpec, Spec, import_attribute
from morph_cl.testing.findings import Subject, find
from morph_cl.testing.samples import sample_record, sample_traces

UNITS = ("fraction", "ratio", "count", "samples", "samples/s", "seconds", "bytes")
"""The units that tables know how to write."""


def check_dataset(
    record: Spec | str,
    options: Mapping[str, Any] | None = None,
    *,
    request: DatasetRequest | None = None,
    catalog: Catalog | None = None,
) -> None:
    """Check a data set: twice the same images under its own name, or one clear error where they are missing.

    Args:
        record: the record or its name.
        options: options other than the defaults.
        request: where the data lies; None takes an empty folder, in which nothing may be downloaded.
        catalog: where to look the name up; None takes the installed plugins.

    Raises:
        CheckError: what is wrong.
    """
    spec = find("dataset", record, DatasetSpec, catalog)
    subject = Subject(spec)
    validated = subject.options(options)
    with tempfile.TemporaryDirectory() as folder:
        request = request or DatasetRequest(root=Path(folder))
        if not _is_present(subject, spec, request):
            subject.require(
                _refuses(subject, request, validated),
                "build of missing data returned; raise morph_cl.DataError.",
            )
            return
        first, second = (subject.attempt("build", spec.resolve(), request, validated) for _ in range(2))
    subject.require(isinstance(first, ImageData), f"build returned {type(first).__name__}; return an ImageData.")
    subject.require(first.name == spec.name, f"its data is named {first.name!r}; name both alike.")
    subject.require(first.checksum == second.checksum, "two builds returned other images; fix the split.")


def _is_present(subject: Subject, spec: DatasetSpec, request: DatasetRequest) -> bool:
    if spec.present is None:
        return True
    present = import_attribute(spec.present) if isinstance(spec.present, str) else spec.present
    answer = subject.attempt("present", present, request)
    subject.require(isinstance(answer, bool), f"present returned {answer!r}; return True or False.")
    return bool(answer)


def _refuses(subject: Subject, request: DatasetRequest, options: Any) -> bool:
    """Whether ``build`` raises a ``DataError`` where ``present`` says that the data is missing."""

    def build() -> bool:
        try:
            subject.spec.resolve()(request, options)
        except DataError:
            return True
        return False

    return subject.attempt("build of missing data (raise morph_cl.DataError)", build)


def check_metric(record: Spec | str, *, catalog: Catalog | None = None) -> None:
    """Check a metric: a float for every record or trace, NaN where it is undefined, what it reads left as it was.

    Args:
        record: the record of the metric or its name.
        catalog: where to look the name up; None takes the installed plugins.

    Raises:
        CheckError: what is wrong.
    """
    spec = find("metric", record, MetricSpec, catalog)
    subject = Subject(spec)
    subject.require(spec.unit in UNITS, f"unit is {spec.unit!r}; give one of {', '.join(UNITS)}.")
    runs: dict[str, RunRecord] | dict[str, Trace] = sample_traces() if spec.reads == "trace" else _sample_runs()
    for name, run in runs.items():
        before = run.model_dump_json()
        figures = [subject.attempt(f"build on {name}", spec.resolve(), run) for _ in range(2)]
        for figure in figures:
            subject.require(
                isinstance(figure, (int, float)) and not isinstance(figure, bool),
                f"it returned {figure!r} for {name}; return a float, NaN where it is undefined.",
            )
        subject.require(repr(figures[0]) == repr(figures[1]), f"it returned two figures for {name}: {figures}.")
        subject.require(run.model_dump_json() == before, f"it changed {name}; leave it as it is.")


def _sample_runs() -> dict[str, RunRecord]:
    """Finished runs by what they are, some with figures missing."""
    unmeasured = math.nan
    return {
        "a run of three experiences": sample_record(),
        "a run of one experience": sample_record([[0.5]]),
        "a run with unmeasured accuracies": sample_record([[0.9, unmeasured], [unmeasured, 0.8]]),
        "a run with nothing measured": sample_record([[unmeasured]]).model_copy(
            update={"initial_accuracy": [], "calibration": [], "curve": []}
        ),
    }


def check_detector(
    record: Spec | str, options: Mapping[str, Any] | None = None, *, catalog: Catalog | None = None
) -> None:
    """Check a drift detector: it tells true or false of figures, forgets when reset, and goes on from a saved state.

    Args:
        record: the record or its name.
        options: options other than the defaults.
        catalog: where to look the name up; None takes the installed plugins.

    Raises:
        CheckError: what is wrong.
    """
    spec = find("detector", record, DetectorSpec, catalog)
    subject = Subject(spec)
    validated = subject.options(options)
    figures = _figures(spec)
    traces = []
    for _ in range(2):
        detector = subject.attempt("build", spec.resolve(), validated)
        traces.append([_told(subject, detector, figure) for figure in figures])
    subject.require(traces[0] == traces[1], "two detectors of one build disagree on the same figures.")
    other = subject.attempt("build", spec.resolve(), validated)
    subject.attempt("load", other.load, json.loads(json.dumps(subject.attempt("export", detector.export))))
    subject.require(other.drift_detected == detector.drift_detected, "load does not take over what export returned.")
    for figure in figures:
        subject.require(
            _told(subject, other, figure) == _told(subject, detector, figure),
            "after load it does not go on as the detector that export was called on.",
        )
    subject.attempt("reset", detector.reset)
    subject.require(detector.drift_detected is False, "drift_detected is still true after reset.")


def _told(subject: Subject, detector: Any, figure: Any) -> bool:
    """Whether a figure makes a drift."""
    subject.attempt("update", detector.update, figure)
    found = detector.drift_detected
    subject.require(isinstance(found, bool), f"drift_detected is {found!r}; give True or False.")
    return bool(found)


def _figures(spec: DetectorSpec) -> list[Any]:
    """A rise half-way, in the first kind of figures that the detector watches."""
    steps = range(200)
    by_kind: dict[str, Any] = {
        "error": lambda step: int(step % (20 if step < 100 else 2) == 0),
        "features": lambda step: [step % 7 / 7 + (step >= 100), step % 5 / 5],
        "position": float,
    }
    return [by_kind.get(spec.watches[0], lambda step: 0.1 if step < 100 else 0.9)(step) for step in steps]
