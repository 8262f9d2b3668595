"""Options of any strategy that trains one network; no torch here, so that `morph-cl show` stays quick."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from morph_cl.options import Options


class TrainingOptions(Options):
    """The network and its optimizer. The defaults are those of Mammoth's rotated MNIST: MLP 2x100, SGD."""

    network: Literal["mlp", "cnn"] = Field("mlp", description="fully connected layers, or 3x3 convolutions")
    hidden: tuple[Annotated[int, Field(ge=1, le=65_536)], ...] = Field(
        (100, 100), min_length=1, description="width of each hidden layer (mlp) or channels of each convolution (cnn)"
    )
    optimizer: Literal["sgd", "adam"] = Field("sgd", description="the update rule")
    lr: Annotated[float, Field(gt=0, le=10)] = Field(0.1, description="learning rate")
    momentum: Annotated[float, Field(ge=0, lt=1)] = Field(0.0, description="momentum of sgd; adam has its own")
    weight_decay: Annotated[float, Field(ge=0, le=1)] = Field(0.0, description="L2 penalty of the optimizer")
