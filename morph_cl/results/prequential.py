"""The prequential trace of a run: what was predicted of each batch before the batch was learned; plain data.

Samples are counted from 0 in the order of the stream. Ranges include their start and exclude their end.
"""

from __future__ import annotations

from itertools import accumulate, pairwise

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, model_validator

from morph_cl.results.figure import Figure


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore")


class DriftPoint(_Part):
    """A change of the stream; known to the measures and to no learner.

    Args:
        start: the first sample that the new concept may touch.
        end: where mixing or turning is over: from this sample on the new concept is alone. Equals ``start`` where
            the change is abrupt.
        kind: what changes how, such as ``abrupt``, ``gradual``, ``incremental``, ``local`` or ``label-swap``.
        recurring: whether the new concept was met before; else it is novel.
    """

    start: NonNegativeInt
    end: NonNegativeInt
    kind: str = "abrupt"
    recurring: bool = False

    @model_validator(mode="after")
    def _in_order(self) -> DriftPoint:
        if self.end < self.start:
            raise ValueError(
                f"a drift that starts at {self.start} cannot end at {self.end}; give an end from {self.start} on."
            )
        return self


class Blip(_Part):
    """A short disturbance after which the old concept goes on: no drift, an alarm for it is false.

    Args:
        start: its first sample.
        end: the first sample after it.
    """

    start: NonNegativeInt
    end: PositiveInt

    @model_validator(mode="after")
    def _in_order(self) -> Blip:
        if self.end <= self.start:
            raise ValueError(f"a blip that starts at {self.start} cannot end at {self.end}; give a later end.")
        return self


class HeldOutPoint(_Part):
    """A look at the model in mid-stream, on data that it is never trained on.

    Args:
        samples: samples of the stream that it had been trained on.
        accuracies: its accuracy on held-out data of each concept, fractions; NaN where it was not measured.
    """

    samples: NonNegativeInt
    accuracies: list[Figure]


class Trace(_Part):
    """A test-then-train run over a drifting stream.

    Every batch is predicted first and learned then, so each accuracy taken from a trace is one on unseen samples.

    Args:
        batch_sizes: samples of each batch, in order.
        correct: right predictions for each batch, made before any training on it.
        alarms: where the strategy raised an alarm, in any order: the index of the last sample that had been seen, that
            is the last one of its batch. A position that is listed twice counts once.
        growths: the same, where it grew an expert.
        drifts: the changes of the stream, in order; none of them starts before the last one is over.
        blips: disturbances that are no drifts.
        concepts: the concept of each segment: of the one before the first drift, then of the one after each drift.
            Only needed with ``held_out``.
        held_out: accuracies on held-out data as the stream goes on, in order, where they were measured.
    """

    batch_sizes: list[PositiveInt]
    correct: list[NonNegativeInt]
    alarms: list[NonNegativeInt] = Field(default_factory=list)
    growths: list[NonNegativeInt] = Field(default_factory=list)
    drifts: list[DriftPoint] = Field(default_factory=list)
    blips: list[Blip] = Field(default_factory=list)
    concepts: list[NonNegativeInt] = Field(default_factory=list)
    held_out: list[HeldOutPoint] = Field(default_factory=list)

    @property
    def samples(self) -> int:
        """N, the number of samples."""
        return sum(self.batch_sizes)

    @property
    def edges(self) -> list[int]:
        """(batches + 1,) where batches begin; the last entry is N."""
        return list(accumulate(self.batch_sizes, initial=0))

    @property
    def segment_ends(self) -> list[int]:
        """(drifts,) where the concept that each drift brings gives way to the next one, N for the last."""
        return [*(drift.start for drift in self.drifts[1:]), self.samples][: len(self.drifts)]

    @model_validator(mode="after")
    def _counts_fit(self) -> Trace:
        if len(self.correct) != len(self.batch_sizes):
            raise ValueError(
                f"{len(self.correct)} counts do not fit {len(self.batch_sizes)} batches; give one a batch."
            )
        for batch, (size, correct) in enumerate(zip(self.batch_sizes, self.correct, strict=True)):
            if correct > size:
                raise ValueError(
                    f"{correct} right predictions in batch {batch} of {size} samples; give at most {size}."
                )
        return self

    @model_validator(mode="after")
    def _positions_fit(self) -> Trace:
        samples = self.samples
        for name, positions in (("alarm", self.alarms), ("growth", self.growths)):
            if late := [position for position in positions if position >= samples]:
                raise ValueError(f"{name} at {late[0]} lies behind the stream; samples count from 0 to {samples - 1}.")
        spans: list[DriftPoint | Blip] = [*self.drifts, *self.blips]
        for span in spans:
            if span.start >= samples or span.end > samples:
                raise ValueError(
                    f"{type(span).__name__} {span.start}..{span.end} leaves the stream of {samples} samples."
                )
        for first, second in pairwise(self.drifts):
            if second.start < first.end or second.start == first.start:
                raise ValueError(
                    f"the drifts {first.start}..{first.end} and {second.start}..{second.end} overlap or are out of "
                    "order; a drift starts when the last one is over."
                )
        return self

    @model_validator(mode="after")
    def _held_out_fits(self) -> Trace:
        if self.concepts and len(self.concepts) != len(self.drifts) + 1:
            raise ValueError(
                f"{len(self.concepts)} concepts do not fit {len(self.drifts)} drifts; "
                f"give {len(self.drifts) + 1}, one a segment."
            )
        if not self.held_out:
            return self
        if not self.concepts:
            raise ValueError("held-out accuracies without concepts; give the concept of each segment.")
        if any(second.samples <= first.samples for first, second in pairwise(self.held_out)):
            raise ValueError("held-out accuracies are out of order; list them by samples, each count once.")
        if self.held_out[-1].samples > self.samples:
            raise ValueError(
                f"held-out accuracies after {self.held_out[-1].samples} samples of a stream of {self.samples}."
            )
        needed = max(self.concepts) + 1
        if short := [point for point in self.held_out if len(point.accuracies) < needed]:
            raise ValueError(
                f"{len(short[0].accuracies)} held-out accuracies after {short[0].samples} samples; "
                f"give {needed}, one a concept."
            )
        return self
