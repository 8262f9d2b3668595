"""Options of drifting streams; no torch here, so that `morph-cl show` stays quick."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from morph_cl import Options

Pattern = Literal["none", "abrupt", "gradual", "incremental", "recurring", "local", "prior", "swap", "noise", "blips"]
Source = Literal["rotation", "permutation", "classes", "corruption"]

WINDOWED = ("gradual", "incremental")
"""Patterns whose drift takes a window; that of all others is a single sample."""


def as_sequence(value: Any) -> Any:
    """A lone value as a sequence of one: ``patterns=abrupt`` on the command line means one pattern.

    Args:
        value: what the user gave.
    """
    return (value,) if isinstance(value, (str, int)) else value


class StreamOptions(Options):
    """How any drifting stream is laid out, and what is looked at on the way."""

    patterns: tuple[str, ...]
    width: Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="samples that a gradual or incremental drift takes, at most half a segment. None takes a fifth",
    )
    contexts: Annotated[int, Field(ge=2, le=20)] = Field(
        2, description="recurring: contexts that take turns; each comes twice"
    )
    blip: Annotated[int, Field(ge=1)] = Field(20, description="blips: samples of each of the three outliers")
    experience_size: Annotated[int, Field(ge=1)] = Field(
        1_000,
        description="samples after which a learner is told that an experience is over, wherever drifts are: "
        "what replay, ewc and others wait for",
    )
    held_out_every: Annotated[int, Field(ge=0)] = Field(
        0,
        description="samples after which the learner is looked at, without labels, on test data of each concept "
        "so far: what the stability gap is measured by. 0: never",
    )
    held_out_size: Annotated[int, Field(ge=1)] = Field(
        200, description="test samples of a concept, at most, in each such look"
    )

    @model_validator(mode="after")
    def _refuse_a_width_of_nothing(self) -> Self:
        if self.width is not None and not set(self.patterns) & set(WINDOWED):
            offered = " or ".join(WINDOWED)
            raise ValueError(f"width={self.width} has no meaning without a {offered} pattern; leave it out")
        return self


class DriftingOptions(StreamOptions):
    """Which drifts a stream of images goes through, and what drifts in them."""

    patterns: Annotated[tuple[Pattern, ...], Field(min_length=1, max_length=100), BeforeValidator(as_sequence)] = Field(
        ("abrupt", "recurring", "gradual", "incremental"),
        description="the drifts, in order; each has a segment of the stream to itself, all segments equally long",
    )
    source: Source = Field(
        "rotation",
        description="what drifts: the angle; the order of the pixels; which half of the classes comes; added noise. "
        "prior, swap and noise have a source of their own",
    )
    samples: Annotated[int, Field(ge=20, le=10_000_000)] | None = Field(
        None,
        description="length of the stream; each training image comes at most once. "
        "None takes all of them, half of them where the shares of the classes drift",
    )
    angle: Annotated[float, Field(gt=0, lt=360)] = Field(
        137.5,
        description="rotation: degrees from one new context to the next. The golden angle keeps all of them apart",
    )
    share: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.5, description="local, prior and swap: share of the classes that drift, are favoured or change labels"
    )
    skew: Annotated[float, Field(gt=0, le=1)] = Field(
        0.9, description="prior: share of the samples that are of the favoured classes afterwards"
    )
    noise: Annotated[float, Field(gt=0, le=10)] = Field(
        0.3, description="standard deviation of the noise that each drift to noise adds, in units of the pixels' range"
    )

    @model_validator(mode="after")
    def _refuse_contradictions(self) -> Self:
        if "incremental" in self.patterns and self.source not in ("rotation", "corruption"):
            raise ValueError(
                f"source={self.source} cannot drift in an incremental pattern; give rotation or corruption"
            )
        if self.source == "classes":
            for pattern in ("local", "prior"):
                if pattern in self.patterns:
                    raise ValueError(
                        f"source=classes cannot be joined with the {pattern} pattern; "
                        "give rotation, permutation or corruption"
                    )
        return self


PRESETS: dict[str, dict[str, Any]] = {
    "abrupt": {"patterns": ["abrupt", "abrupt", "abrupt"]},
    "gradual": {"patterns": ["gradual", "gradual", "gradual"]},
    "incremental": {"patterns": ["incremental", "incremental", "incremental"]},
    "recurring": {"patterns": ["recurring"], "contexts": 3},
    "swap": {"patterns": ["swap", "swap", "swap"]},
    "local": {"patterns": ["local", "local", "local"]},
    "steady": {"patterns": ["none"]},
    "blips": {"patterns": ["blips"]},
}
"""Streams of one kind of drift each, and the two controls."""
