"""Options of the guided mixture; no torch here, so that `morph-cl show` stays quick."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from morph_cl_plugins.moe.options import ExpertCount, MoeOptions, Strength

Label = Annotated[int, Field(ge=0, le=1_000_000)]


class GuidedMoeOptions(MoeOptions):
    """A mixture with groups of labels."""

    experts: ExpertCount = Field(5, description="number of experts")
    gate: Literal["linear", "network"] = Field(
        "network", description="the gate: one linear layer on the pixels, or a network as network and hidden describe"
    )
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(0.0, description="share of pixels that training blanks")
    balance: Strength = Field(0.0, description="weight of the loss that spreads images over the experts; 0: none")
    groups: tuple[tuple[Label, ...], ...] | None = Field(
        None,
        description="the classes meant for each expert, every class of the stream once, such as [[0,1],[2,3]]; None "
        "deals them out in order, as evenly as may be",
    )
    guidance: Strength = Field(1.0, description="weight of the loss that teaches the gate the groups; 0: none")
    guidance_end: Annotated[float, Field(ge=0, le=1)] = Field(
        0.1, description="share of guidance that is left after anneal steps"
    )
    anneal: Annotated[int, Field(ge=1, le=10_000_000)] | None = Field(
        None,
        description="training steps with a class in which its guidance falls to guidance_end; new classes start in "
        "full. None never lowers it",
    )

    @model_validator(mode="after")
    def _groups_fit(self) -> Self:
        if self.groups is None:
            return self
        if len(self.groups) > self.experts:
            raise ValueError(
                f"groups has {len(self.groups)} groups for experts={self.experts}; give at most {self.experts} groups, "
                "or more experts"
            )
        if not all(self.groups):
            raise ValueError(f"group {self.groups.index(())} is empty; give each group at least one class")
        labels = [label for group in self.groups for label in group]
        for label in labels:
            if labels.count(label) > 1:
                raise ValueError(f"class {label} stands in groups more than once; give each class to one expert")
        return self
