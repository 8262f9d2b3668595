"""Options of the bundled scenarios; no torch here, so that `morph-cl show` stays quick."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from morph_cl import Options

DEFAULT_ROTATIONS = 5
"""Experiences of a rotated stream when neither their number nor their angles are given."""

DEFAULT_MAX_ANGLE = 180.0
"""Degrees below which angles lie unless the user says else."""


def _as_sequence(value: Any) -> Any:
    """A lone number as a sequence of one: ``angles=30`` on the command line means one angle."""
    return (value,) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


Angle = Annotated[float, Field(ge=-360, le=360)]
ExperienceCount = Annotated[int, Field(ge=1, le=1_000)]


class SubsetOptions(Options):
    """How many training images each experience gets; test images are always all used."""

    train_size: Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="training images an experience, drawn by seed, by class share, disjoint where the data "
        "suffices; refused where the data has fewer. None takes train_limit, else all",
    )
    train_limit: Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="training images an experience at most; where the data has fewer, all. "
        "train_size goes before it. None sets no limit",
    )


class RotatedOptions(SubsetOptions):
    """Angles of a rotated stream, in degrees counter-clockwise."""

    experiences: ExperienceCount | None = Field(
        None, description="number of experiences. None takes one for each of `angles`, else 5"
    )
    angles: (
        Annotated[tuple[Angle, ...], Field(min_length=1, max_length=1_000), BeforeValidator(_as_sequence)] | None
    ) = Field(None, description="the angle of each experience, degrees, in order. None draws them as `spread` says")
    spread: Literal["even", "random", "sorted"] | None = Field(
        None,
        description="even: equal steps from 0; random: independent, uniform in [0, max_angle), by seed; "
        "sorted: one uniform in each equal bin of [0, max_angle), in order, by seed. None takes even",
    )
    max_angle: Annotated[float, Field(gt=0, le=360)] | None = Field(
        None, description="degrees below which all angles that are not given lie. None takes 180"
    )

    @model_validator(mode="after")
    def _refuse_contradictions(self) -> Self:
        if self.angles is None:
            return self
        if self.experiences not in (None, len(self.angles)):
            raise ValueError(
                f"{len(self.angles)} angles are given, so experiences={self.experiences} cannot apply; "
                "give one of the two"
            )
        for name in ("spread", "max_angle"):
            if (value := getattr(self, name)) is not None:
                raise ValueError(f"angles are given, so {name}={value} cannot apply; give one of the two")
        return self


class PermutedOptions(SubsetOptions):
    """Permutations of a permuted stream."""

    experiences: ExperienceCount = Field(10, description="number of experiences, each with its own permutation")
    identity_first: bool = Field(True, description="whether the first experience leaves the pixels in place")


class SplitOptions(Options):
    """How the classes of a data set are dealt out to experiences."""

    experiences: ExperienceCount = Field(
        5, description="number of experiences; the number of classes must be divisible by it"
    )
    order: (
        Literal["seed", "ascending"] | Annotated[tuple[Annotated[int, Field(ge=0)], ...], BeforeValidator(_as_sequence)]
    ) = Field("seed", description="order of the classes: drawn by seed, ascending, or every class listed once")


class SplitHundredOptions(SplitOptions):
    """As :class:`SplitOptions`, for data of a hundred classes."""

    experiences: ExperienceCount = Field(
        10,
        description="number of experiences; the number of classes must be divisible by it (often 10 or 20)",
    )


class SingleOptions(SubsetOptions):
    """Size of the one experience of a stationary stream."""
