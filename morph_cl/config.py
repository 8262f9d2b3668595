"""What a run is told to do: validated before any work starts, stored with the run, enough to repeat it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

Setting = Literal["class", "domain", "task"]
Seed = Annotated[int, Field(ge=0, lt=2**31)]


class StreamConfig(BaseModel):
    """A stream of experiences. The defaults are those of the command line; fractions are in [0, 1)."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    scenario: str = Field(description="the scenario's name, as `morph-cl list scenarios` shows it")
    preset: str | None = Field(None, description="a named set of scenario options")
    setting: Setting | None = Field(None, description="class, domain or task; None takes the scenario's default")
    dataset: str | None = Field(
        None,
        description="a data set's name, a folder of class folders, an .npz file, or auto; None takes the scenario's",
    )
    data_root: Path | None = Field(None, description="where data sets lie; None takes MORPH_CL_DATA or ./data")
    download: bool = Field(False, description="whether a missing data set may be downloaded")
    seed: Seed = Field(0, description="the seed of the stream and of the learner")
    validation: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="fraction of each experience's training data held out as its validation stream"
    )
    options: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="options by the name of the record that they are for"
    )
    plugin_files: tuple[str, ...] = Field((), description="Python files that register records of their own")


class RunConfig(StreamConfig):
    """One run: a strategy meets a stream. Sizes are in samples."""

    strategy: str = Field("morph", description="the strategy's name, as `morph-cl list strategies` shows it")
    epochs: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        None,
        description="passes over each experience; None takes the preset's, else as many as make about 40,000 samples",
    )
    batch_size: Annotated[int, Field(ge=1, le=65_536)] | None = Field(
        None, description="samples a training step; None takes the preset's, else 128"
    )
    eval_batch_size: Annotated[int, Field(ge=1, le=65_536)] = Field(1_000, description="samples an evaluation step")
    device: str = Field("cpu", pattern=r"^(cpu|cuda(:\d+)?|mps)$", description="where tensors live")
    threads: Annotated[int, Field(ge=1, le=1_024)] | None = Field(
        None, description="torch threads; None takes half of the machine's cores"
    )
    attach: tuple[str, ...] = Field(
        (),
        description="Avalanche plugins to attach, such as avalanche.training.plugins:LwFPlugin(alpha=1,temperature=2)",
    )
    keep_model: bool = Field(True, description="whether a stored run keeps its final model")


class StudyConfig(BaseModel):
    """Several strategies on the same streams, each with every seed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base: RunConfig = Field(description="what all runs share; its strategy and seed are replaced")
    strategies: Annotated[tuple[str, ...], Field(min_length=1)] = Field(description="the strategies to compare")
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] = Field(
        description="the seeds; each gives every strategy one stream"
    )

    @field_validator("strategies", "seeds")
    @classmethod
    def _each_once(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        """Refuse a run that would be done twice."""
        twice = sorted({value for value in values if values.count(value) > 1})
        if twice:
            raise ValueError(f"{', '.join(map(str, twice))} given more than once; give each once")
        return values

    def runs(self) -> list[RunConfig]:
        """The runs of the study, seed by seed, so that an early look compares like with like."""
        return [
            self.base.model_copy(update={"strategy": strategy, "seed": seed})
            for seed in self.seeds
            for strategy in self.strategies
        ]
