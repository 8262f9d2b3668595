"""Options of static partitions; no torch here, so that `morph-cl show` stays quick."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from morph_cl import TrainingOptions

Width = Annotated[int, Field(ge=1, le=65_536)]
Share = Annotated[float, Field(ge=0, lt=1)]

_HIDDEN = {"mlp": (256, 256), "cnn": (16, 32, 64)}
_FUNCTION = re.compile(r"\w+(\.\w+)*:\w+")


class PartitionOptions(TrainingOptions):
    """Tags, the units that they own, who finds the tag at test, and the optimizer."""

    tags: str | tuple[Any, ...] = Field(
        "parity",
        description="who owns units: parity of the label; groups of labels, every class of the stream once, such as "
        "[[0,2],[1,3]], or groups of groups for a recursive partition; experience; or package.module:function, which "
        "names the tag of a label (a/b is tag b within tag a)",
    )
    levels: Annotated[int, Field(ge=1, le=8)] = Field(
        1, description="2 or more: each tag's classes are halved in order, once a level, and so are its units"
    )
    overlap: Share = Field(0.0, description="share of each hidden layer's units that all tags use")
    route: Literal["gate", "confidence"] = Field(
        "gate",
        description="who finds the tag at test: a gate that training taught the tags, or the most confident tag, for "
        "which every part is computed",
    )
    hidden: tuple[Width, ...] = Field(
        _HIDDEN["mlp"],
        min_length=1,
        description="units of each hidden layer (mlp) or channels of each convolution (cnn, 16,32,64 unless given), "
        "all tags together",
    )
    gate_hidden: Width = Field(128, description="units of the gate's hidden layer")
    standardise: bool = Field(True, description="bring each image to mean 0 and standard deviation 1 first")
    dropout: Share = Field(0.2, description="share of pixels that training blanks")
    optimizer: Literal["sgd", "adam"] = Field("adam", description="the update rule")
    lr: Annotated[float, Field(gt=0, le=10)] = Field(1e-3, description="learning rate")
    decay: bool = Field(True, description="the learning rate falls linearly to a twentieth in each experience")

    @model_validator(mode="before")
    @classmethod
    def _hidden_follows_network(cls, values: Any) -> Any:
        network = values.get("network") if isinstance(values, dict) else None
        return {"hidden": _HIDDEN[network], **values} if network in _HIDDEN else values

    @field_validator("tags")
    @classmethod
    def _tags_can_be_read(cls, tags: str | tuple[Any, ...]) -> str | tuple[Any, ...]:
        if isinstance(tags, str):
            if tags not in ("parity", "experience") and not _FUNCTION.fullmatch(tags):
                raise ValueError("give parity, experience, groups such as [[0,2],[1,3]], or package.module:function")
            return tags
        groups = _groups(tags)
        if _depth(groups) < 2:
            raise ValueError("these are classes, not groups of them; give lists such as [[0,2],[1,3]]")
        labels = _labels(groups)
        repeated = sorted({label for label in labels if labels.count(label) > 1})
        if repeated:
            raise ValueError(f"class {repeated[0]} stands in tags more than once; give each class to one tag")
        return groups

    @model_validator(mode="after")
    def _experiences_have_one_level(self) -> Self:
        if self.tags == "experience" and self.levels > 1:
            raise ValueError(f"levels={self.levels} halves classes, which tags=experience does not sort; give levels=1")
        return self


def _groups(value: Sequence[Any]) -> tuple[Any, ...]:
    """Nested lists as nested tuples, all lists of classes equally deep."""
    if not value:
        raise ValueError("a group is empty; give each at least one class")
    labels = [entry for entry in value if not isinstance(entry, (list, tuple))]
    for label in labels:
        if type(label) is not int or label < 0:
            raise ValueError(f"{label!r} is no class; give classes from 0, in lists such as [[0,2],[1,3]]")
    if labels:
        if len(labels) < len(value):
            raise ValueError(f"{value!r} holds classes beside groups; put each class into a group")
        return tuple(labels)
    groups = tuple(_groups(group) for group in value)
    if len({_depth(group) for group in groups}) > 1:
        raise ValueError(f"{value!r} nests unevenly; let all lists of classes be equally deep")
    return groups


def _depth(groups: tuple[Any, ...]) -> int:
    return 1 + _depth(groups[0]) if isinstance(groups[0], tuple) else 1


def _labels(groups: tuple[Any, ...]) -> list[int]:
    return [label for group in groups for label in (_labels(group) if isinstance(group, tuple) else [group])]
