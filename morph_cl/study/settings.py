"""What the study of drifts is told to do: validated before any work starts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from morph_cl.config import Seeds, each_once
from morph_cl.metrics.drift.recovery import RecoveryRule
from morph_cl.study.contestants import CONTESTANTS, Contestant

PRESETS = ("recurring", "abrupt", "gradual", "incremental", "steady", "blips")
"""The presets of the scenario that the study runs unless told otherwise."""

MORPH_HIDDEN = (256, 256)
"""Hidden layers of MORPH's experts by default, and so of all contestants."""

Names = Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(each_once)]
Rates = Annotated[
    tuple[Annotated[float, Field(gt=0, le=10)], ...], Field(min_length=1, max_length=50), AfterValidator(each_once)
]


def _known(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in CONTESTANTS:
            raise ValueError(f"no contestant {name!r}; the contestants are {', '.join(CONTESTANTS)}")
    return names


class DriftStudyConfig(BaseModel):
    """The study of drifts. Sizes are in samples."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    scenario: str = Field("drifting-mnist", description="the drifting scenario")
    presets: Names = Field(PRESETS, description="its presets to run")
    strategies: Annotated[Names, AfterValidator(_known)] = Field(
        tuple(CONTESTANTS), description="the contestants to run"
    )
    seeds: Seeds = Field((0, 1, 2, 3, 4), description="the seeds that figures are measured on")
    validation_seeds: Seeds = Field((10, 11), description="the seeds that learning rates are chosen on")
    lrs: Rates = Field((1e-4, 3e-4, 1e-3, 3e-3), description="the grid of learning rates; one alone is taken as it is")
    samples: Annotated[int, Field(ge=20, le=10_000_000)] | None = Field(
        None, description="length of each stream; None takes all training images"
    )
    validation_samples: Annotated[int, Field(ge=20, le=10_000_000)] | None = Field(
        None, description="length of the streams that learning rates are chosen on; None takes that of the others"
    )
    dataset: str | None = Field("mnist", description="the data set; none where the scenario draws its own samples")
    data_root: Path | None = Field(None, description="where data sets lie")
    download: bool = Field(False, description="whether a missing data set may be downloaded")
    batch_size: Annotated[int, Field(ge=1, le=65_536)] = Field(10, description="samples a batch")
    hidden: Annotated[tuple[Annotated[int, Field(ge=1, le=65_536)], ...], Field(min_length=1)] = Field(
        MORPH_HIDDEN, description="hidden layers of every network and expert"
    )
    threads: Annotated[int, Field(ge=1, le=1_024)] = Field(1, description="torch threads of each run")
    window: Annotated[int, Field(ge=1)] = Field(RecoveryRule.window, description="samples of a window")
    eps: Annotated[float, Field(ge=0, lt=1)] = Field(
        RecoveryRule.eps, description="how far below its level a recovered window may lie"
    )
    windows: Annotated[int, Field(ge=1)] = Field(RecoveryRule.windows, description="recovered windows in a row")
    reference: Annotated[int, Field(ge=1)] = Field(
        RecoveryRule.reference, description="samples before a drift that make its level"
    )
    options: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="options by the name of the record that they are for"
    )
    plugin_files: tuple[str, ...] = Field((), description="Python files that register records of their own")

    @field_validator("validation_seeds")
    @classmethod
    def _other_than_measured(cls, seeds: tuple[int, ...], info: ValidationInfo) -> tuple[int, ...]:
        measured = info.data.get("seeds", ())
        common = sorted({*seeds} & {*measured})
        if common:
            raise ValueError(
                f"seed {common[0]} is measured, and learning rates must not be chosen on what is measured; give other "
                f"validation seeds, such as {max(measured) + 1},{max(measured) + 2}"
            )
        return seeds

    @field_validator("options")
    @classmethod
    def _length_has_its_own_setting(
        cls, options: dict[str, dict[str, Any]], info: ValidationInfo
    ) -> dict[str, dict[str, Any]]:
        if "samples" in options.get(info.data.get("scenario", ""), {}):
            raise ValueError("the length of the streams is a setting of the study; give --samples")
        return options

    @property
    def contestants(self) -> list[Contestant]:
        """Who takes part, in the order asked for."""
        return [CONTESTANTS[name] for name in self.strategies]

    @property
    def shared(self) -> tuple[str, ...]:
        """The records that all contestants meet."""
        return (self.scenario,) if self.dataset is None else (self.scenario, self.dataset)

    @property
    def rule(self) -> RecoveryRule:
        """What counts as recovered."""
        return RecoveryRule(self.window, self.eps, self.windows, self.reference)

    def label(self, contestant: str) -> str:
        """The name of a contestant in tables.

        Args:
            contestant: its name in ``strategies``.
        """
        return CONTESTANTS[contestant].label(self.options)
