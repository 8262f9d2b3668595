"""The options of the drift detectors; neither torch nor river here."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from morph_cl import Options

Probability = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Direction = Literal["up", "both"]

_ONE_SIDED = "up: only a rise is a drift; both: a fall too, as when a model learns"


class AdwinOptions(Options):
    """ADWIN: two parts of a window of adaptive length whose means differ."""

    delta: Probability = Field(0.002, description="confidence: smaller alarms later and more seldom")
    clock: Count = Field(32, description="figures between two looks")
    max_buckets: Annotated[int, Field(ge=2, le=100)] = Field(5, description="buckets of one size before two are joined")
    min_window_length: Count = Field(5, description="least figures in each of the two parts")
    grace_period: Count = Field(10, description="figures before the first look")
    direction: Direction = Field("up", description=_ONE_SIDED)


class KswinOptions(Options):
    """KSWIN: a Kolmogorov-Smirnov test of the newest figures against a draw of older ones."""

    alpha: Annotated[float, Field(gt=0, le=0.5)] = Field(0.005, description="p-value below which figures differ")
    window_size: Annotated[int, Field(ge=4, le=100_000)] = Field(100, description="figures held")
    stat_size: Annotated[int, Field(ge=2, le=50_000)] = Field(
        30, description="newest figures, and older ones drawn, that are compared; at most half of window_size"
    )
    seed: Annotated[int, Field(ge=0, lt=2**31)] = Field(0, description="seed of the draw")
    direction: Direction = Field("up", description=_ONE_SIDED)

    @model_validator(mode="after")
    def _draw_fits(self) -> KswinOptions:
        if 2 * self.stat_size > self.window_size:
            raise ValueError(
                f"stat_size={self.stat_size} is more than half of window_size={self.window_size}; "
                f"give at most {self.window_size // 2}"
            )
        return self


class RiverPageHinkleyOptions(Options):
    """river's Page-Hinkley test, whose sum forgets."""

    min_instances: Count = Field(30, description="figures before the first drift")
    delta: Annotated[float, Field(ge=0, le=1_000)] = Field(0.005, description="rise above the mean that is tolerated")
    threshold: Annotated[float, Field(gt=0, le=1_000_000)] = Field(
        50.0, description="sum of what exceeds that which makes a drift"
    )
    alpha: Annotated[float, Field(gt=0, le=1)] = Field(0.9999, description="what is left of the sum a figure later")
    direction: Direction = Field("up", description=_ONE_SIDED)


class DdmOptions(Options):
    """DDM: the error rate so many standard deviations above its least."""

    warm_start: Count = Field(30, description="figures before the first drift")
    drift_threshold: Annotated[float, Field(gt=0, le=100)] = Field(
        3.0, description="standard deviations above the least error rate that make a drift"
    )


class EddmOptions(Options):
    """EDDM: the distance between errors against its largest."""

    warm_start: Count = Field(30, description="figures, and errors, before the first drift")
    beta: Probability = Field(0.9, description="share of the largest distance between errors below which is a drift")


class HddmAOptions(Options):
    """HDDM-A: Hoeffding's bound on the rise of a mean."""

    drift_confidence: Probability = Field(0.001, description="confidence: smaller alarms later and more seldom")


class HddmWOptions(Options):
    """HDDM-W: McDiarmid's bound on the rise of a fading mean."""

    drift_confidence: Probability = Field(0.001, description="confidence: smaller alarms later and more seldom")
    fading: Annotated[float, Field(gt=0, lt=1)] = Field(0.05, description="weight of the newest figure in the mean")


class FhddmOptions(Options):
    """FHDDM: the accuracy of a window so far below its best."""

    window_size: Annotated[int, Field(ge=2, le=100_000)] = Field(100, description="figures in the window")
    confidence: Probability = Field(1e-6, description="confidence: smaller alarms later and more seldom")
    short_window_size: Annotated[int, Field(ge=1, le=100_000)] | None = Field(
        None, description="newest figures that are looked at besides; at most window_size"
    )

    @model_validator(mode="after")
    def _short_is_shorter(self) -> FhddmOptions:
        if self.short_window_size is not None and self.short_window_size > self.window_size:
            raise ValueError(
                f"short_window_size={self.short_window_size} is more than window_size={self.window_size}; give less"
            )
        return self


class TwoSampleOptions(Options):
    """The two-sample test on features; windows in samples."""

    reference: Annotated[int, Field(ge=20, le=20_000)] = Field(
        300, description="samples gathered first: half of them make the density, half are held out"
    )
    window: Annotated[int, Field(ge=5, le=10_000)] = Field(
        50, description="samples of one test; no two tests share any"
    )
    alpha: Annotated[float, Field(gt=0, le=0.1)] = Field(
        1e-4, description="chance that a test alarms though nothing changed"
    )

    @model_validator(mode="after")
    def _can_alarm(self) -> TwoSampleOptions:
        held = self.reference - self.reference // 2
        least = 2 / math.comb(held + self.window, self.window)
        if least > self.alpha:
            raise ValueError(
                f"alpha={self.alpha} can never be reached by {held} held-out samples against {self.window}: the least "
                f"p-value is {least:.2g}; give a larger alpha, reference or window"
            )
        return self


class OracleOptions(Options):
    """The oracle: it is told where the drifts are."""

    at: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (),
        description="positions of the true drifts, in training samples before each; empty takes the starts of the "
        "stream's experiences but the first",
    )

    @field_validator("at")
    @classmethod
    def _in_order(cls, at: tuple[int, ...]) -> tuple[int, ...]:
        if list(at) != sorted(set(at)):
            raise ValueError("positions must rise, each given once")
        return at


class PeriodicOptions(Options):
    """The periodic control: an alarm every so often, whatever happens."""

    every: Annotated[int, Field(ge=1, le=1_000_000_000)] = Field(1_000, description="training samples between alarms")
