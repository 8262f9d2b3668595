"""Options of the iterative weight modulation network; no torch here, so that `morph-cl show` stays quick."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from morph_cl import TrainingOptions

Width = Annotated[int, Field(ge=1, le=65_536)]


class IwmnOptions(TrainingOptions):
    """The base network, its two modulators, and how often they act."""

    hidden: tuple[Width, ...] = Field(
        (128,),
        min_length=1,
        description="the base network: width of each hidden layer (mlp) or channels of each convolution (cnn); the "
        "last of them is modulated, and so is the output",
    )
    modulator_hidden: Width = Field(64, description="width of each modulator's hidden layer")
    iterations: Annotated[int, Field(ge=0, le=100)] = Field(
        3, description="how often the answer is looked at again; 0: the base network alone, without modulators"
    )
    strength: Annotated[float, Field(gt=0, le=1)] = Field(
        0.1, description="how far a weight is modulated: by a factor between 1 - strength and 1 + strength"
    )
    error: Literal["hard", "sharpened", "change"] = Field(
        "hard",
        description="the error signal, the prediction less: its likeliest class alone (hard), its own square brought "
        "to sum 1 (sharpened), or the prediction before it (change)",
    )
    tolerance: Annotated[float, Field(ge=0, le=1)] = Field(
        0.01,
        description="at evaluation an image is done once no probability moves by this much in an iteration; 0: never",
    )
    discount: Annotated[float, Field(ge=0, le=1)] = Field(
        0.5,
        description="loss of an iteration against that of the next one; 1: all count alike, 0: only the last counts",
    )
    pixel_mean: Annotated[float, Field(ge=-1, le=2)] = Field(
        0.1307, description="subtracted from each pixel, which is in [0, 1]; MNIST's mean"
    )
    pixel_std: Annotated[float, Field(gt=0, le=10)] = Field(
        0.3081, description="what each pixel is divided by then; MNIST's standard deviation"
    )
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(0.0, description="share of pixels that training blanks")
    optimizer: Literal["sgd", "adam"] = Field("adam", description="the update rule")
    lr: Annotated[float, Field(gt=0, le=10)] = Field(3e-3, description="learning rate")
    decay: bool = Field(True, description="the learning rate falls linearly to a twentieth in each experience")
