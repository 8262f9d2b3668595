"""The contract of a scenario: one seed, one stream, that any Avalanche strategy can learn from."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import torch
from avalanche.models import SimpleMLP
from avalanche.training.supervised import Naive
from pydantic import BaseModel
from torch import Tensor

from morph_cl.bridge.dataset import as_float, view_of
from morph_cl.bridge.stream import ScenarioRequest, Stream
from morph_cl.catalog import Catalog
from morph_cl.data.images import ImageData
from morph_cl.errors import DataError
from morph_cl.options import validate_options
from morph_cl.specs import ScenarioSpec, Spec, import_attribute
from morph_cl.testing.findings import CheckError, Subject, find, own_randomness
from morph_cl.testing.samples import sample_data

_VALIDATION = 0.25
_SEED = 7


def check_scenario(
    record: Spec | str,
    options: Mapping[str, Any] | None = None,
    *,
    data: ImageData | None = None,
    catalog: Catalog | None = None,
) -> None:
    """Check a scenario in each setting that its record names.

    One seed gives one stream, whatever the global random generators hold; labels, classes, shapes and task
    labels are what the stream says; a validation split is carved from training data and leaves test data
    alone; Avalanche's own ``Naive`` trains on it; presets fit the options. Of a scenario that draws its samples from
    files, and says by a ``DataError`` that they are missing, no more than its presets is checked.

    Args:
        record: the record or its name.
        options: options other than the defaults, such as fewer experiences.
        data: images to build it from; None takes those that the scenario draws, else small made-up ones of 100 classes.
        catalog: where to look the name up; None takes the installed plugins.

    Raises:
        CheckError: what is wrong.
    """
    spec = find("scenario", record, ScenarioSpec, catalog)
    _check_presets(Subject(spec), spec)
    validated = Subject(spec).options(options)
    data = data or _sample_data(spec, validated)
    if data is None:
        return
    for setting in spec.settings:
        subject = Subject(spec, f"{setting} setting")
        stream = _build(subject, data, setting, validated, noise=1)
        again = _build(subject, data, setting, validated, noise=2)
        _check_description(subject, stream, setting)
        _check_online(subject, stream, online=spec.online)
        for name in ("train", "test"):
            subject.require(
                _contents(stream, name) == _contents(again, name) and stream.detail == again.detail,
                f"one seed built two {name} streams; draw from a generator seeded with request.seed only.",
            )
        _check_validation(subject, stream, _build(subject, data, setting, validated, noise=1, validation=_VALIDATION))
        _check_naive(subject, stream)


def _sample_data(spec: ScenarioSpec, options: BaseModel) -> ImageData | None:
    """What the scenario draws, else made-up images; None where it reads files that are not on this machine."""
    if spec.draw is None:
        return sample_data(classes=100)
    subject = Subject(spec)
    draw = spec.draw if callable(spec.draw) else import_attribute(spec.draw)
    with own_randomness(1):
        try:
            data = draw(_SEED, options)
        except DataError:
            return None
        except Exception as error:  # it may be foreign code
            raise CheckError(f"{subject}: draw raised {type(error).__name__}: {error}") from error
    with own_randomness(2):
        again = subject.attempt("draw", draw, _SEED, options)
    subject.require(isinstance(data, ImageData), f"draw returned {type(data).__name__}; return an ImageData.")
    assert isinstance(data, ImageData)  # for type checkers
    subject.require(data.checksum == again.checksum, "one seed drew two data sets; draw from its seed only.")
    return data


def _check_presets(subject: Subject, spec: ScenarioSpec) -> None:
    for preset, values in spec.presets.items():
        subject.attempt(f"preset {preset!r}", validate_options, spec.params, values, spec.name)
    for preset, training in spec.training.items():
        subject.require(preset in spec.presets, f"training names preset {preset!r}, which it does not have.")
        unknown = set(training) - {"epochs", "batch_size"}
        subject.require(
            not unknown,
            f"training of preset {preset!r} has {sorted(unknown)}; only epochs and batch_size are read.",
        )


def _build(
    subject: Subject, data: ImageData, setting: str, options: BaseModel, noise: int, validation: float = 0.0
) -> Stream:
    request = ScenarioRequest(data=data, seed=_SEED, setting=setting, validation=validation)
    with own_randomness(noise):
        stream = subject.attempt(
            "build on sample data (give data= and options= that fit)",
            subject.spec.resolve(),
            request,
            options,
        )
    subject.require(
        isinstance(stream, Stream), f"build returned {type(stream).__name__}; return what make_stream makes."
    )
    assert isinstance(stream, Stream)  # for type checkers
    return stream


def _check_description(subject: Subject, stream: Stream, setting: str) -> None:
    trains, tests = stream.benchmark.train_stream, stream.benchmark.test_stream
    subject.require(
        len(stream.labels) == len(trains) == len(tests) > 0,
        f"{len(stream.labels)} labels, {len(trains)} training and {len(tests)} test experiences.",
    )
    subject.require(len(set(stream.labels)) == len(stream.labels), f"labels repeat: {', '.join(stream.labels)}.")
    subject.require(stream.setting == setting, f"the stream says it is in the {stream.setting!r} setting.")
    subject.attempt("writing its detail as JSON", json.dumps, dict(stream.detail))
    for number, experiences in enumerate(zip(trains, tests, strict=True)):
        expected = [number if setting == "task" else 0]
        for experience in experiences:
            labels = list(getattr(experience, "task_labels", [0]))
            subject.require(
                labels == expected,
                f"experience {number} has task labels {labels}, not {expected}; only the task setting has task labels.",
            )
            x, y = _tensors(experience)
            subject.require(len(y), f"experience {number} is empty.")
            subject.require(
                tuple(x.shape[1:]) == stream.input_shape,
                f"images have shape {tuple(x.shape[1:])}, the stream says {stream.input_shape}.",
            )
            subject.require(
                int(y.min()) >= 0 and int(y.max()) < stream.classes,
                f"labels run from {int(y.min())} to {int(y.max())} of {stream.classes} classes.",
            )


def _check_online(subject: Subject, stream: Stream, *, online: bool) -> None:
    subject.require(
        (stream.online is not None) == online,
        f"its record says online={online}, the stream else; a test-then-train stream comes from make_online_stream.",
    )
    if stream.online is None:
        return
    trains = stream.benchmark.train_stream
    subject.require(len(trains) == 1, f"a test-then-train stream has {len(trains)} experiences; give one.")
    x, y = _tensors(trains[0])
    subject.require(
        torch.equal(x, as_float(stream.online.x)) and torch.equal(y, stream.online.y),
        "its training data are not the samples of its online stream, in their order.",
    )


def _check_validation(subject: Subject, whole: Stream, split: Stream) -> None:
    subject.require(split.has_validation(), "no validation stream; pass the request on to make_stream.")
    subject.require(
        _contents(whole, "test") == _contents(split, "test"),
        "a validation split changes test data; take it from train.",
    )
    parts = zip(_contents(whole, "train"), _contents(split, "train"), _contents(split, "valid"), strict=True)
    for number, (everything, kept, held_out) in enumerate(parts):
        subject.require(
            Counter(everything) == Counter(kept) + Counter(held_out),
            f"training and validation data of experience {number} are no split of its training data.",
        )


def _check_naive(subject: Subject, stream: Stream) -> None:
    with own_randomness(1):
        channels, height, width = stream.input_shape
        model = SimpleMLP(num_classes=stream.classes, input_size=channels * height * width, hidden_size=8)
        learner = Naive(
            model=model,
            optimizer=torch.optim.SGD(model.parameters(), lr=0.01),
            train_mb_size=256,
            eval_mb_size=256,
            evaluator=None,
        )
        subject.attempt("training Avalanche's Naive on it", learner.train, stream.benchmark.train_stream[0])
        subject.attempt("evaluating Avalanche's Naive on it", learner.eval, stream.benchmark.test_stream[0])


def _tensors(experience: Any) -> tuple[Tensor, Tensor]:
    """Images and labels of an experience, through the whole-tensor view or, slowly, sample by sample."""
    view = view_of(experience.dataset)
    if view is not None:
        x, y, _ = view.batch(torch.arange(len(view)))
        return x, y
    samples = [experience.dataset[index] for index in range(len(experience.dataset))]
    return torch.stack([sample[0] for sample in samples]), torch.tensor([int(sample[1]) for sample in samples])


def _contents(stream: Stream, name: str) -> list[list[bytes]]:
    """Each experience as its samples: image and label as bytes."""
    contents = []
    for experience in stream.benchmark.streams[name]:
        x, y = _tensors(experience)
        contents.append(
            [image.numpy().tobytes() + bytes(str(int(label)), "ascii") for image, label in zip(x, y, strict=True)]
        )
    return contents
