"""Options of mixtures of experts; no torch here, so that `morph-cl show` stays quick."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from morph_cl import TrainingOptions

Width = Annotated[int, Field(ge=1, le=65_536)]
ExpertCount = Annotated[int, Field(ge=1, le=1_024)]
Strength = Annotated[float, Field(ge=0, le=1e6)]

_HIDDEN = {"mlp": (256,), "cnn": (16, 32, 64)}


class MoeOptions(TrainingOptions):
    """Experts, their gate and the optimizer of both."""

    experts: ExpertCount = Field(4, description="number of experts")
    k: ExpertCount = Field(2, description="experts that are computed for an image; at most experts")
    expert: str | None = Field(
        None,
        description="a registered expert, sized by options under its own name; None builds experts from network and "
        "hidden",
    )
    network: Literal["mlp", "cnn"] = Field(
        "mlp", description="what experts, and a gate that is no linear one, are made of: dense layers, or convolutions"
    )
    hidden: tuple[Width, ...] = Field(
        _HIDDEN["mlp"],
        min_length=1,
        description="width of each hidden layer (mlp) or channels of each convolution (cnn, 16,32,64 unless given)",
    )
    gate: Literal["linear", "network"] = Field(
        "linear", description="the gate: one linear layer on the pixels, or a network as network and hidden describe"
    )
    standardise: bool = Field(True, description="bring each image to mean 0 and standard deviation 1 first")
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(0.2, description="share of pixels that training blanks")
    balance: Strength = Field(0.1, description="weight of the loss that spreads images over the experts; 0: none")
    noise: bool = Field(False, description="noisy gating in training; how much noise is learned")
    optimizer: Literal["sgd", "adam"] = Field("adam", description="the update rule")
    lr: Annotated[float, Field(gt=0, le=10)] = Field(1e-3, description="learning rate")
    decay: bool = Field(True, description="the learning rate falls linearly to a twentieth in each experience")

    @model_validator(mode="before")
    @classmethod
    def _hidden_follows_network(cls, values: Any) -> Any:
        network = values.get("network") if isinstance(values, dict) else None
        return {"hidden": _HIDDEN[network], **values} if network in _HIDDEN else values

    @model_validator(mode="after")
    def _k_fits_experts(self) -> Self:
        if self.k > self.experts:
            raise ValueError(
                f"k={self.k} exceeds experts={self.experts}; k can be 1 to {self.experts}: lower k or add experts"
            )
        return self

    @model_validator(mode="after")
    def _sizes_are_read(self) -> Self:
        given = sorted({"network", "hidden"} & self.model_fields_set)
        if self.expert is not None and self.gate == "linear" and given:
            raise ValueError(
                f"{given[-1]} has no meaning with expert={self.expert} and a linear gate; size the expert by options "
                f"under its own name, such as -o {self.expert}.OPTION=VALUE, or give gate=network"
            )
        return self
