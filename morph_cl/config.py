"""What a run is told to do: validated before any work starts, stored with the run, enough to repeat it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, ValidationError, model_validator

from morph_cl.errors import UnknownNameError, UsageError

ConfigT = TypeVar("ConfigT", bound=BaseModel)

Setting = Literal["class", "domain", "task"]
Watch = Literal["loss", "error", "confidence", "density", "features", "position"]
OnDrift = Literal["notify", "reset", "raise", "grow", "switch"]
Amp = Literal["bf16", "fp16"]
Seed = Annotated[int, Field(ge=0, lt=2**31)]


def _device(value: str) -> str:
    """The name of a device, whether it is here or not."""
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?|mps", value):
        raise ValueError("give auto, cpu, cuda, cuda:N or mps")
    return value


def _batch_size(value: Any) -> int | str:
    """A number of samples, or ``auto``."""
    text = str(value).strip() if isinstance(value, (int, str)) and not isinstance(value, bool) else ""
    if text == "auto":
        return text
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 65_536):
        raise ValueError("give a number from 1 to 65,536, or auto")
    return int(text)


Device = Annotated[str, AfterValidator(_device)]
BatchSize = Annotated[int | Literal["auto"], PlainValidator(_batch_size)]


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
    profile: str | None = Field(None, description="a named set of the strategy's options; `options` win over it")
    epochs: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        None,
        description="passes over each experience; None takes the preset's, else as many as make about 40,000 samples",
    )
    batch_size: BatchSize | None = Field(
        None,
        description="samples a training step; None takes the preset's, else 128; auto measures which size up to what "
        "memory holds trains fastest",
    )
    eval_batch_size: Annotated[int, Field(ge=1, le=65_536)] | None = Field(
        None, description="samples an evaluation step. None takes what the strategy predicts fastest with"
    )
    device: Device = Field(
        "cpu",
        description="where tensors live: cpu, cuda, cuda:N or mps; auto takes a GPU where there is one",
    )
    amp: Amp | None = Field(None, description="mixed precision: bf16 or fp16; None computes in float32")
    compile: bool = Field(False, description="whether torch.compile compiles the model")
    threads: Annotated[int, Field(ge=1, le=1_024)] | None = Field(
        None, description="torch threads; None takes half of the machine's cores"
    )
    attach: tuple[str, ...] = Field(
        (),
        description="Avalanche plugins to attach, such as avalanche.training.plugins:LwFPlugin(alpha=1,temperature=2)",
    )
    detector: str | None = Field(
        None, description="a drift detector to attach, as `morph-cl list detectors` shows it; None attaches none"
    )
    watch: Watch | None = Field(
        None,
        description="what the detector is told of each training sample: loss, error, confidence, density, features or "
        "position; None takes the detector's default",
    )
    on_drift: OnDrift | None = Field(
        None,
        description="what an alarm does: notify, reset (model and optimizer), raise (the learning rate for a while), "
        "grow (an expert) or switch (the context); None notifies",
    )
    keep_model: bool = Field(True, description="whether a stored run keeps its final model")


def each_once(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Refuse a run that would be done twice.

    Args:
        values: what is run, one after the other.

    Raises:
        ValueError: one of them is there more than once.
    """
    twice = sorted({value for value in values if values.count(value) > 1})
    if twice:
        raise ValueError(f"{', '.join(map(str, twice))} given more than once; give each once")
    return values


Seeds = Annotated[tuple[Seed, ...], Field(min_length=1), AfterValidator(each_once)]


def _refuse_auto_batch(base: RunConfig) -> None:
    """Refuse to compare runs that might differ in their batches."""
    if base.batch_size == "auto":
        raise UsageError(
            "batch_size=auto may choose another size for each run, which a comparison cannot have; give a number "
            "(`morph-cl run --batch-size auto` finds one)."
        )


class StudyConfig(BaseModel):
    """Several strategies on the same streams, each with every seed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base: RunConfig = Field(description="what all runs share; its strategy and seed are replaced")
    strategies: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(each_once)] = Field(
        description="the strategies to compare"
    )
    seeds: Seeds = Field(description="the seeds; each gives every strategy one stream")

    @model_validator(mode="after")
    def _one_batch_size(self) -> Self:
        _refuse_auto_batch(self.base)
        return self

    def runs(self) -> list[RunConfig]:
        """The runs of the study, seed by seed, so that an early look compares like with like."""
        return [
            self.base.model_copy(update={"strategy": strategy, "seed": seed})
            for seed in self.seeds
            for strategy in self.strategies
        ]


class AblationConfig(BaseModel):
    """One strategy as it is and with one mechanism after the other switched off, on the same streams."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base: RunConfig = Field(description="the strategy, and what all runs share; its seed is replaced")
    only: Annotated[tuple[str, ...], AfterValidator(each_once)] = Field(
        (), description="the mechanisms to switch off, as the strategy names them; empty takes all"
    )
    seeds: Seeds = Field(description="the seeds; each gives every variant one stream")

    @model_validator(mode="after")
    def _one_batch_size(self) -> Self:
        _refuse_auto_batch(self.base)
        return self


def configured(model: type[ConfigT], **settings: Any) -> ConfigT:
    """A configuration from its fields, an unknown one met with a suggestion.

    Args:
        model: the configuration's class.
        settings: its fields.

    Raises:
        UnknownNameError: a setting that does not exist.
        UsageError: a setting out of its range.
    """
    for name in settings:
        if name not in model.model_fields:
            raise UnknownNameError("setting", name, model.model_fields)
    return checked(model, settings)


def checked(model: type[ConfigT], values: Mapping[str, Any]) -> ConfigT:
    """Validate, with pydantic's first finding as one line.

    Args:
        model: the configuration's class.
        values: its fields.

    Raises:
        UsageError: a setting out of its range.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{where}={first['input']!r}: {first['msg']}.") from error
