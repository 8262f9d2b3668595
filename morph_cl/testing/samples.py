"""Small made-up data, streams and records to check plugins with."""

from __future__ import annotations

import torch
from torch import Tensor

from morph_cl.bridge.stream import ExperienceData, ScenarioRequest, Stream, make_stream
from morph_cl.config import RunConfig
from morph_cl.data.images import ImageData
from morph_cl.results.prequential import DriftPoint, Trace
from morph_cl.results.record import (
    CalibrationBin,
    CurvePoint,
    DatasetInfo,
    MemoryUse,
    Provenance,
    RunRecord,
    ScenarioInfo,
    StrategyInfo,
    Timing,
)


def sample_data(
    classes: int = 10, train: int = 12, test: int = 6, input_shape: tuple[int, int, int] = (1, 28, 28)
) -> ImageData:
    """Images of random prototypes with noise.

    Args:
        classes: number of classes.
        train: training images a class.
        test: test images a class.
        input_shape: (C, H, W).

    Returns:
        The data, the same at every call.
    """
    generator = torch.Generator().manual_seed(classes)
    prototypes = torch.randint(0, 192, (classes, *input_shape), generator=generator)

    def draw(count: int) -> tuple[Tensor, Tensor]:
        y = torch.arange(classes).repeat(count)
        noise = torch.randint(0, 64, (len(y), *input_shape), generator=generator)
        return (prototypes[y] + noise).to(torch.uint8), y

    train_x, train_y = draw(train)
    test_x, test_y = draw(test)
    names = tuple(f"class {number}" for number in range(classes))
    return ImageData("sample", train_x, train_y, test_x, test_y, names)


def sample_stream(setting: str = "domain", *, shuffle_test_labels: bool = False) -> Stream:
    """Three experiences of 8x8 images: two classes each, or (domain) the same four, darker each time.

    Args:
        setting: ``class``, ``domain`` or ``task``.
        shuffle_test_labels: whether test images get wrong labels, to see whether a learner looks at them.

    Returns:
        The stream, the same at every call.
    """
    classes = 4 if setting == "domain" else 6
    data = sample_data(classes, input_shape=(1, 8, 8))
    experiences = []
    for number in range(3):
        chosen = range(4) if setting == "domain" else range(2 * number, 2 * number + 2)
        train, test = _of_classes(data.train_y, chosen), _of_classes(data.test_y, chosen)
        test_y = data.test_y[test]
        experiences.append(
            ExperienceData(
                label=f"part {number + 1}",
                train_x=data.train_x[train] // (number + 1),
                train_y=data.train_y[train],
                test_x=data.test_x[test] // (number + 1),
                test_y=test_y.roll(1) if shuffle_test_labels else test_y,
            )
        )
    request = ScenarioRequest(data=data, seed=0, setting=setting)
    return make_stream(request, experiences, classes=classes)


def _of_classes(labels: Tensor, chosen: range) -> Tensor:
    return torch.isin(labels, torch.tensor(list(chosen))).nonzero().squeeze(1)


def sample_record(matrix: list[list[float]] | None = None) -> RunRecord:
    """A finished run.

    Args:
        matrix: its accuracy matrix, (T, T); None takes one of three experiences.

    Returns:
        The record.
    """
    matrix = matrix or [[0.9, 0.2, 0.1], [0.7, 0.8, 0.2], [0.6, 0.7, 0.9]]
    count = len(matrix)
    labels = [f"part {number + 1}" for number in range(count)]
    return RunRecord(
        scenario="sample",
        strategy="sample",
        dataset="sample",
        seed=0,
        accuracy_matrix=matrix,
        initial_accuracy=[0.1] * count,
        calibration=[CalibrationBin(count=10, confidence=0.8, accuracy=0.7)],
        memory=MemoryUse(
            parameters=10,
            weight_bytes=40,
            buffer_bytes=20,
            statistics_bytes=5,
            total_bytes=65,
            by_experience=[65] * count,
        ),
        timing=Timing(
            train_seconds=1.0,
            eval_seconds=0.5,
            samples_per_second=100.0,
            train_seconds_by_experience=[1.0 / count] * count,
        ),
        experts=[1] * count,
        curve=[CurvePoint(experience=number, samples=10, train_accuracy=0.5) for number in range(count)],
        scenario_info=ScenarioInfo(name="sample", setting="domain", experiences=labels),
        strategy_info=StrategyInfo(name="sample"),
        dataset_info=DatasetInfo(
            name="sample", checksum="0" * 64, train_size=30, test_size=30, classes=4, input_shape=(1, 8, 8)
        ),
        config=RunConfig(scenario="sample", strategy="sample"),
        provenance=Provenance(
            created="2000-01-01T00:00:00+00:00",
            morph_cl="0",
            python="3",
            platform="sample",
            torch="0",
            torchvision="0",
            avalanche="0",
            device="cpu",
            threads=1,
        ),
    )


def sample_traces() -> dict[str, Trace]:
    """Traces of drifting runs by what they are: with drifts and alarms, without either, with a drift at once."""
    sizes, correct = [10] * 60, [9] * 30 + [3] * 10 + [8] * 20
    drifts = [DriftPoint(start=300, end=300), DriftPoint(start=450, end=500, kind="gradual", recurring=True)]
    return {
        "a trace with drifts": Trace(
            batch_sizes=sizes, correct=correct, alarms=[99, 319], growths=[319], drifts=drifts
        ),
        "a trace without drifts": Trace(batch_sizes=sizes, correct=correct),
        "a trace with a drift at its start": Trace(
            batch_sizes=sizes, correct=correct, drifts=[DriftPoint(start=0, end=0)]
        ),
    }
