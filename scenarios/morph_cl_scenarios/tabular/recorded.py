"""Streams that were recorded, as a scenario: Elec2 from the user's disk, and what comes with river.

Source of Elec2: Harries, SPLICE-2 Comparative Evaluation: Electricity Pricing, 1999.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from river import datasets

from morph_cl import (
    DataError,
    ExperienceData,
    ImageData,
    OnlineStream,
    ScenarioRequest,
    Stream,
    UsageError,
    make_online_stream,
)
from morph_cl_scenarios.tabular.features import NUMBER, Column, Encoder
from morph_cl_scenarios.tabular.options import BundledOptions, Elec2Options, RecordedOptions

_DAY = Column(tuple(range(1, 8)))
_ELEC2_COLUMNS = (NUMBER, _DAY, *(NUMBER,) * 6)  # date, day, period, then prices, demands and the transfer


@dataclass(frozen=True)
class _Recording:
    """Rows in the order in which they were recorded."""

    name: str
    rows: list[tuple[dict[str, float], Any]]
    columns: tuple[Column, ...]
    classes: tuple[Any, ...]


def draw_elec2(seed: int, options: Elec2Options) -> ImageData:  # noqa: ARG001
    """Read Elec2.

    Args:
        seed: means nothing: the rows are as they were recorded.
        options: where the file is, and how much of it to take.

    Returns:
        The rows of the stream as training data, those after it as test data.

    Raises:
        DataError: the file is not there or is no electricity.csv.
        UsageError: it has too few rows.
    """
    path = options.path if options.path is not None else elec2_home()
    path = path.expanduser()
    if not path.is_file():
        raise DataError(
            f"{path} is no file, and river brings no copy of Elec2 with it. Give the file that you have, "
            "-o drifting-elec2.path=electricity.csv; or fetch it (3 MB) once, "
            'python -c "from river.datasets import Elec2; Elec2().download()".'
        )
    try:
        rows = [(dict(features), bool(label)) for features, label in _Elec2(path)]
    except (KeyError, ValueError, TypeError) as error:
        raise DataError(
            f"{path} is not river's electricity.csv ({type(error).__name__}: {error}); its columns are date, day, "
            "period, nswprice, nswdemand, vicprice, vicdemand, transfer and class."
        ) from error
    return _data(_Recording("elec2", rows, _ELEC2_COLUMNS, (False, True)), options)


def draw_bundled(seed: int, options: BundledOptions) -> ImageData:  # noqa: ARG001
    """Read recorded data that comes with river.

    Args:
        seed: means nothing: the rows are as river has them.
        options: which data, and how much of it to take.

    Returns:
        The rows of the stream as training data, those after it as test data.

    Raises:
        UsageError: it has too few rows.
    """
    source = {
        "bananas": datasets.Bananas,
        "image-segments": datasets.ImageSegments,
        "phishing": datasets.Phishing,
        "shuttle": datasets.Shuttle,
    }[options.data]()
    rows = list(source)
    classes = tuple(sorted({label for _, label in rows}))
    return _data(_Recording(options.data, rows, (NUMBER,) * len(rows[0][0]), classes), options)


def build(request: ScenarioRequest, options: RecordedOptions) -> Stream:
    """Build a stream of recorded rows; where it drifts is not known, so that it names no drifts.

    Args:
        request: the rows, seed and setting.
        options: sizes.

    Returns:
        A stream of one experience with ``online`` set.
    """
    data = request.data
    online = OnlineStream(
        x=data.train_x,
        y=data.train_y,
        concept=torch.zeros(len(data.train_y), dtype=torch.int64),
        drifts=(),
        classes=data.classes,
        experience_size=options.experience_size,
    )
    experience = ExperienceData("as recorded", data.train_x, data.train_y, data.test_x, data.test_y)
    return make_online_stream(request, experience, online, detail={"samples": len(data.train_y)})


def elec2_home() -> Path:
    """Where river keeps Elec2; nothing is made or fetched there."""
    home = os.environ.get("RIVER_DATA") or "~/river_data"
    return Path(home).expanduser() / "Elec2" / "electricity.csv"


class _Elec2(datasets.Elec2):
    """river's reader of a file that is there; it never downloads.

    Args:
        file: the file.
    """

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file

    @property
    def path(self) -> Path:
        """The file."""
        return self.file

    def __iter__(self) -> Any:
        return self._iter()


def _data(recording: _Recording, options: RecordedOptions) -> ImageData:
    """The rows before the stream, those of the stream and those after it."""
    around = options.warm_up + options.test_size
    most = len(recording.rows) - around
    samples = most if options.samples is None else options.samples
    if samples > most or samples < 1:
        raise UsageError(
            f"{recording.name} has {len(recording.rows)} rows; warm_up={options.warm_up} and "
            f"test_size={options.test_size} leave {max(most, 0)} for a stream of {samples}; "
            "give fewer samples, or smaller ones of the two."
        )
    features = np.array([list(row.values()) for row, _ in recording.rows[: samples + around]], dtype=np.float64)
    encoded = Encoder(recording.columns, features[: options.warm_up])(features[options.warm_up :])
    labels = _numbered((label for _, label in recording.rows[options.warm_up : samples + around]), recording.classes)
    return ImageData(
        name=recording.name,
        train_x=encoded[:samples],
        train_y=labels[:samples],
        test_x=encoded[samples:],
        test_y=labels[samples:],
        class_names=tuple(map(str, recording.classes)),
    )


def _numbered(labels: Iterable[Any], classes: tuple[Any, ...]) -> torch.Tensor:
    numbers = {label: number for number, label in enumerate(classes)}
    return torch.tensor([numbers[label] for label in labels])
