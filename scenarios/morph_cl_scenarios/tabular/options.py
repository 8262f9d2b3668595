"""Options of streams of table rows; neither torch nor river here, so that `morph-cl show` stays quick."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from morph_cl import Options
from morph_cl_scenarios.drifting.options import StreamOptions, as_sequence

Pattern = Literal["none", "abrupt", "gradual", "recurring", "blips"]
MovingPattern = Literal["none", "abrupt", "gradual", "incremental", "recurring", "blips"]

_PATTERNS_TEXT = "the drifts, in order; each has a segment of the stream to itself, all segments equally long"
_WARM_UP_TEXT = "samples before the stream that give the mean and deviation of its features; none is learned or scored"

WarmUp = Annotated[int, Field(ge=2, le=100_000)]
TestSize = Annotated[int, Field(ge=1, le=1_000_000)]


class TabularOptions(StreamOptions):
    """A stream that a generator makes."""

    samples: Annotated[int, Field(ge=20, le=10_000_000)] = Field(20_000, description="length of the stream")
    warm_up: WarmUp = Field(200, description=_WARM_UP_TEXT)
    test_size: TestSize = Field(1_000, description="test samples of a concept")


class RestingOptions(TabularOptions):
    """A generator whose concepts do not move."""

    patterns: Annotated[tuple[Pattern, ...], Field(min_length=1, max_length=100), BeforeValidator(as_sequence)] = Field(
        ("abrupt", "recurring", "gradual"), description=_PATTERNS_TEXT
    )


class VariantOptions(RestingOptions):
    """A generator that has a fixed number of concepts."""

    @property
    @abstractmethod
    def order(self) -> tuple[int, ...]:
        """The concepts in the order in which they come."""

    @model_validator(mode="after")
    def _refuse_contradictions(self) -> Self:
        if len(set(self.order)) < len(self.order):
            raise ValueError(f"{self.order} names a concept twice; name each once, the first comes after the last")
        if "recurring" in self.patterns and self.contexts > len(self.order):
            raise ValueError(
                f"contexts={self.contexts} that recur are more than the {len(self.order)} concepts; "
                f"give 2 to {len(self.order)}, or more concepts"
            )
        return self


class SeaOptions(VariantOptions):
    """SEA: whether the sum of two of three features is above a threshold."""

    variants: Annotated[
        tuple[Annotated[int, Field(ge=0, le=3)], ...], Field(min_length=2), BeforeValidator(as_sequence)
    ] = Field(
        (0, 1, 2, 3),
        description="the thresholds in the order in which they come, the first again after the last: "
        "0 is 8, 1 is 9, 2 is 7, 3 is 9.5",
    )
    noise: Annotated[float, Field(ge=0, le=0.5)] = Field(0.1, description="share of the labels that are turned over")

    @property
    def order(self) -> tuple[int, ...]:
        """The variants."""
        return self.variants


class AgrawalOptions(VariantOptions):
    """Agrawal: whether a loan is granted, by ten rules."""

    functions: Annotated[
        tuple[Annotated[int, Field(ge=0, le=9)], ...], Field(min_length=2), BeforeValidator(as_sequence)
    ] = Field(
        (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
        description="the rules in the order in which they come, the first again after the last",
    )
    perturbation: Annotated[float, Field(ge=0, le=1)] = Field(
        0.05, description="noise of the numbers, as a share of their range"
    )

    @property
    def order(self) -> tuple[int, ...]:
        """The functions."""
        return self.functions


class LedOptions(RestingOptions):
    """LED: the digit that seven segments show, among 17 attributes that mean nothing."""

    drift_attributes: Annotated[int, Field(ge=1, le=7)] = Field(
        4, description="segments that each new context puts in the places of attributes that mean nothing"
    )
    noise: Annotated[float, Field(ge=0, le=1)] = Field(0.1, description="share of the segments that are turned over")


class RbfOptions(TabularOptions):
    """RandomRBF: clouds around random centroids, each with a class."""

    patterns: Annotated[
        tuple[MovingPattern, ...], Field(min_length=1, max_length=100), BeforeValidator(as_sequence)
    ] = Field(("abrupt", "recurring", "gradual", "incremental"), description=_PATTERNS_TEXT)
    classes: Annotated[int, Field(ge=2, le=1_000)] = Field(5, description="number of classes")
    features: Annotated[int, Field(ge=1, le=10_000)] = Field(10, description="number of features")
    centroids: Annotated[int, Field(ge=2, le=10_000)] = Field(50, description="number of centroids")
    moving: Annotated[int, Field(ge=1)] | None = Field(
        None, description="incremental: centroids that move, at most all. None moves all"
    )
    change_speed: Annotated[float, Field(gt=0, le=1)] = Field(
        0.002, description="incremental: how far a centroid moves at each sample, in a cube of side 1"
    )

    @model_validator(mode="after")
    def _refuse_contradictions(self) -> Self:
        if self.moving is not None and self.moving > self.centroids:
            raise ValueError(f"moving={self.moving} of {self.centroids} centroids; give 1 to {self.centroids}")
        return self


class RecordedOptions(Options):
    """A stream that was recorded: its drifts are its own, and nobody knows them."""

    samples: Annotated[int, Field(ge=20, le=10_000_000)] | None = Field(
        None, description="length of the stream. None takes all rows but those before it and after it"
    )
    warm_up: WarmUp = Field(200, description=_WARM_UP_TEXT)
    test_size: TestSize = Field(200, description="rows after the stream that accuracy at its end is measured on")
    experience_size: Annotated[int, Field(ge=1)] = Field(
        1_000, description="samples after which a learner is told that an experience is over"
    )


class Elec2Options(RecordedOptions):
    """Elec2: whether the price of electricity goes up."""

    path: Path | None = Field(
        None, description="electricity.csv. None takes that in river's data home, RIVER_DATA or ~/river_data"
    )


class BundledOptions(RecordedOptions):
    """The recorded data that comes with river."""

    data: Literal["bananas", "image-segments", "phishing", "shuttle"] = Field("shuttle", description="which of them")


PRESETS: dict[str, dict[str, Any]] = {
    "abrupt": {"patterns": ["abrupt", "abrupt", "abrupt"]},
    "gradual": {"patterns": ["gradual", "gradual", "gradual"]},
    "recurring": {"patterns": ["recurring"], "contexts": 3},
    "steady": {"patterns": ["none"]},
    "blips": {"patterns": ["blips"]},
}
"""Streams of one kind of drift each, and the two controls."""

RBF_PRESETS = {**PRESETS, "incremental": {"patterns": ["incremental", "incremental", "incremental"]}}
"""The same, and centroids that move."""
