"""What this package offers to morph-cl. No torch here, so that `morph-cl list` stays quick."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from morph_cl import ExpertSpec, Options, hookimpl

MORPH_CL_API = (1, 0)
"""The version of the hooks that this plugin is written for."""


class MaxoutOptions(Options):
    """Options of the maxout expert; `-o hello-expert.width=128` sets one."""

    width: Annotated[int, Field(ge=1, le=65_536)] = Field(64, description="units of the hidden layer")
    pieces: Annotated[int, Field(ge=2, le=16)] = Field(2, description="linear pieces of each unit")


@hookimpl
def register_experts() -> Iterable[ExpertSpec]:
    """Offer the maxout expert."""
    yield ExpertSpec(
        name="hello-expert",
        build="hello_expert.network:build",
        summary="a hidden layer of maxout units, each the largest of a few linear pieces",
        source="Goodfellow et al., Maxout Networks, ICML 2013",
        params=MaxoutOptions,
    )
