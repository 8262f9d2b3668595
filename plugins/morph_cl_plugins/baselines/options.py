"""Options of the baselines; no torch here, so that `morph-cl show` stays quick."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from morph_cl import TrainingOptions

MemorySize = Annotated[int, Field(ge=1, le=10_000_000)]
BatchSize = Annotated[int, Field(ge=1, le=65_536)]
LearningRate = Annotated[float, Field(gt=0, le=10)]
Strength = Annotated[float, Field(ge=0, le=1e9)]


class JointOptions(TrainingOptions):
    """Training on everything so far."""

    restart: bool = Field(
        False,
        description="whether each experience starts from the initial weights, as i.i.d. training on all data so "
        "far does; else it goes on from the current ones",
    )


class AverageOptions(TrainingOptions):
    """An average of the weights that evaluation uses."""

    ema: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None,
        description="decay of an average of the weights that evaluation uses, such as .999; None has none",
    )
    ema_half: bool = Field(
        False, description="store that average in half precision, brought up to date every 16 steps; needs ema"
    )

    @model_validator(mode="after")
    def _half_needs_average(self) -> Self:
        if self.ema_half and self.ema is None:
            raise ValueError("ema_half=true has no meaning without an average; add ema, such as ema=0.999")
        return self


class ReplayOptions(AverageOptions):
    """Experience replay."""

    mem_size: MemorySize = Field(500, description="images in memory, shared equally by the experiences so far")
    batch_size_mem: BatchSize | None = Field(
        None,
        description="replayed images a training step; None takes as many as the step takes of the stream",
    )
    images: Literal["uint8", "float32"] = Field(
        "float32",
        description="how images that are floats in the data set are stored; those that are bytes there stay bytes",
    )


class GDumbOptions(TrainingOptions):
    """Training from scratch on a memory."""

    mem_size: MemorySize = Field(500, description="images in memory, shared equally by the classes seen so far")
    batch_size_mem: BatchSize = Field(16, description="images of the memory a training step")
    memory_epochs: Annotated[int, Field(ge=1, le=10_000)] = Field(
        30, description="passes over the memory in each experience; the run's own epochs do not apply"
    )


class InterferenceOptions(TrainingOptions):
    """Rehearsal that adds a batch of the memory to each step."""

    mem_size: MemorySize = Field(500, description="images in memory, shared equally by the classes seen so far")
    batch_size_mem: BatchSize = Field(128, description="replayed images a training step, at most mem_size")

    @model_validator(mode="after")
    def _batch_fits_memory(self) -> Self:
        if self.batch_size_mem > self.mem_size:
            raise ValueError(
                f"batch_size_mem={self.batch_size_mem} exceeds mem_size={self.mem_size}, so nothing would be replayed"
            )
        return self


class MirOptions(InterferenceOptions):
    """Maximally interfered retrieval."""

    subsample: MemorySize = Field(
        256, description="images drawn a step, of which the batch_size_mem most interfered ones are replayed"
    )

    @model_validator(mode="after")
    def _batch_fits_subsample(self) -> Self:
        if self.batch_size_mem > self.subsample:
            raise ValueError(
                f"batch_size_mem={self.batch_size_mem} exceeds subsample={self.subsample}, from which it is chosen"
            )
        return self


class EwcOptions(TrainingOptions):
    """Elastic weight consolidation."""

    ewc_lambda: Strength = Field(20.0, description="weight of the penalty")
    mode: Literal["separate", "online"] = Field(
        "separate", description="one penalty an experience, or a single one that is updated"
    )
    decay_factor: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None,
        description="online only: what old importances are multiplied by at each experience; None takes 1",
    )

    @model_validator(mode="after")
    def _decay_needs_online(self) -> Self:
        if self.decay_factor is not None and self.mode != "online":
            raise ValueError(f"decay_factor={self.decay_factor} has no meaning in mode={self.mode}; add mode=online")
        return self


class LwfOptions(TrainingOptions):
    """Learning without forgetting."""

    alpha: Strength = Field(1.0, description="weight of the distillation from the previous model")
    temperature: Annotated[float, Field(gt=0, le=100)] = Field(2.0, description="softmax temperature of distillation")


class SiOptions(TrainingOptions):
    """Synaptic intelligence."""

    si_lambda: Strength = Field(10.0, description="weight of the penalty")
    eps: Annotated[float, Field(gt=0, le=1)] = Field(1e-7, description="damping of the importances")


class AGemOptions(TrainingOptions):
    """Averaged gradient episodic memory."""

    patterns_per_experience: MemorySize = Field(100, description="images kept of each experience")
    sample_size: BatchSize = Field(256, description="images of the memory behind the reference gradient of a step")


class GemOptions(TrainingOptions):
    """Gradient episodic memory."""

    lr: LearningRate = Field(0.03, description="learning rate; projected steps are long, so less than elsewhere")
    patterns_per_experience: MemorySize = Field(100, description="images kept of each experience")
    memory_strength: Annotated[float, Field(ge=0, le=10)] = Field(
        0.5, description="margin that favours backward transfer (gamma in the paper)"
    )


class ICaRLOptions(TrainingOptions):
    """Incremental classifier and representation learning."""

    lr: LearningRate = Field(
        1.0, description="learning rate; the binary loss is a mean over classes, so more than elsewhere"
    )
    mem_size: MemorySize = Field(500, description="exemplars in memory, shared equally by the classes seen so far")


class DerOptions(AverageOptions):
    """Dark experience replay.

    Published settings for rotated MNIST, DER++: 200 in memory lr .1, alpha 1, beta .5 (the defaults); 500 lr .2,
    alpha .5, beta 1; 5,120 lr .2, alpha .5, beta .5.
    """

    mem_size: MemorySize = Field(200, description="images in memory, a uniform sample of the stream so far")
    alpha: Strength = Field(
        1.0,
        description="weight of matching stored logits; published: 1 at 200 in memory, .5 at 500 and 5,120",
    )
    beta: Strength = Field(
        0.5,
        description="weight of replayed labels, 0 makes it plain DER; published: .5 at 200 in memory, 1 at 500, "
        ".5 at 5,120",
    )
    batch_size_mem: BatchSize = Field(128, description="images in each of the two replayed batches of a step")
    images: Literal["uint8", "float32"] = Field(
        "uint8",
        description="how images are stored; uint8 is exact for images that are bytes in the data set; beyond [0, 1], "
        "such as rows of tables, they take float32 whatever this says",
    )
    logits: Literal["float32", "float16"] = Field("float32", description="how logits are stored")
