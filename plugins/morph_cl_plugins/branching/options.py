"""Options of neural branching; no torch here, so that `morph-cl show` stays quick."""

from __future__ import annotations

import itertools
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from morph_cl import TrainingOptions

Width = Annotated[int, Field(ge=1, le=65_536)]
Label = Annotated[int, Field(ge=0)]
Group = Annotated[tuple[Label, ...], Field(min_length=1)]

CNN_HIDDEN = (32, 64)
"""Channels of a small CNN parent."""


class BranchingOptions(TrainingOptions):
    """A parent, when it is frozen, what grows on it, and who answers."""

    hidden: tuple[Width, ...] = Field(
        (1024, 512),
        min_length=1,
        description="width of each hidden layer of the parent (mlp), or channels of each convolution "
        f"(cnn, there {CNN_HIDDEN} unless given)",
    )
    optimizer: Literal["sgd", "adam"] = Field("adam", description="the update rule of parent and branches")
    lr: Annotated[float, Field(gt=0, le=10)] = Field(1e-3, description="learning rate of the parent")
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(0.3, description="dropout of the parent, while it trains")
    decay: bool = Field(True, description="whether learning rates fall linearly to 5 % within each stage of training")

    layer: Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="hidden layer of the parent that branches hang on; None takes the second where branches grow "
        "beside the parent's own data, the first in streams",
    )
    branch_hidden: tuple[Width, ...] = Field((512, 256), min_length=1, description="hidden widths of a branch")
    branch_dropout: Annotated[float, Field(ge=0, lt=1)] = Field(0.5, description="dropout of a branch")
    branch_lr: Annotated[float, Field(gt=0, le=10)] = Field(1e-3, description="learning rate of branches")
    branch_weight_decay: Annotated[float, Field(ge=0, le=1)] = Field(0.0, description="L2 penalty of branches")
    exposure: Annotated[float, Field(ge=0, le=10)] = Field(
        0.5,
        description="weight of the loss by which a branch learns to be unsure about classes of the experience that "
        "are not its own; 0 shows it its own classes only",
    )

    groups: Literal["auto", "parity", "curves", "experience"] | tuple[Group, ...] = Field(
        "auto",
        description="classes of each branch: parity of the label; digits drawn with curves or with lines only; all of "
        "an experience; or lists that hold every class once. auto: parity where branches grow beside the parent's own "
        "data, experience in streams",
    )
    nested: tuple[Group, ...] = Field(
        (), description="classes of branches of branches: each hangs on the smallest branch that holds all of its own"
    )
    nested_layer: Annotated[int, Field(ge=1)] = Field(
        1, description="hidden layer of a branch that branches of it hang on"
    )
    parent_experiences: Annotated[int, Field(ge=1)] = Field(
        1, description="experiences that train the parent; each later one grows branches"
    )
    branch_share: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.3,
        description="last part of the training steps that branches get where no later experience is left to grow in",
    )

    validation: Annotated[float, Field(gt=0, le=0.5)] = Field(
        0.1, description="part of the training data held out to choose temperatures and thresholds on"
    )
    routing: Literal["auto", "parent", "density", "confidence"] = Field(
        "auto",
        description="who is asked: the branch with most of the parent's probability; the one whose training images' "
        "features are likeliest; the most confident one. auto: parent where branches grow beside the parent's own "
        "data, density in streams",
    )
    threshold: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None, description="confidence from which an answer is accepted, in (0, 1]; None chooses it on held-out data"
    )
    rejected: Literal["parent", "unknown"] = Field(
        "parent", description="whether a rejected image falls back to the parent or is reported as unknown"
    )
    reject_cost: Annotated[float, Field(ge=0, le=1)] = Field(
        0.1, description="rejected=unknown only: cost of an unknown, that of a wrong answer being 1"
    )

    @model_validator(mode="before")
    @classmethod
    def _small_cnn(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("network") == "cnn":
            return {"hidden": CNN_HIDDEN, **values}
        return values

    @model_validator(mode="after")
    def _layers_exist(self) -> Self:
        for name, asked, owner, hidden in (
            ("layer", self.layer, "parent", self.hidden),
            ("nested_layer", self.nested_layer, "branch", self.branch_hidden),
        ):
            if asked is not None and asked > len(hidden):
                allowed = ", ".join(str(number) for number in range(1, len(hidden) + 1))
                raise ValueError(
                    f"the {owner} has no hidden layer {asked}; give {name}={allowed.replace(', ', ' or ')}"
                )
        return self

    @model_validator(mode="after")
    def _groups_apart(self) -> Self:
        if isinstance(self.groups, tuple):
            listed = [label for group in self.groups for label in group]
            repeated = sorted({label for label in listed if listed.count(label) > 1})
            if repeated:
                raise ValueError(f"groups hold class {repeated[0]} more than once; give every class once")
        for one, other in itertools.combinations(map(set, self.nested), 2):
            if one & other and (one == other or not (one < other or other < one)):
                raise ValueError(
                    f"nested groups {sorted(one)} and {sorted(other)} overlap; let one lie within the other, or apart"
                )
        return self
