"""The record of the iterative weight modulation network."""

from __future__ import annotations

from collections.abc import Iterable

from morph_cl import StrategySpec, hookimpl
from morph_cl_plugins.iwmn.options import IwmnOptions


@hookimpl
def register_strategies() -> Iterable[StrategySpec]:
    """Offer the network.

    Returns:
        One record.
    """
    return [
        StrategySpec(
            name="iwmn",
            build="morph_cl_plugins.iwmn.strategy:build_iwmn",
            summary="A classifier whose weights two modulators adjust for each image, by what it just said itself.",
            source="iterative weight modulation; gains on units: Perez et al., FiLM: Visual Reasoning with a General "
            "Conditioning Layer, AAAI 2018",
            params=IwmnOptions,
            ablations={
                "iterations": ({"iterations": 0}, "the base network alone, without modulators"),
                "discount": ({"discount": 0}, "only the last iteration's answer is trained"),
                "decay": ({"decay": False}, "a constant learning rate"),
                "stop": ({"tolerance": 0}, "every image goes through every iteration"),
            },
        )
    ]
