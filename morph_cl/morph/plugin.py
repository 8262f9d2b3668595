"""What MORPH offers to the catalogue; no torch here."""

from __future__ import annotations

from collections.abc import Iterable

from morph_cl.hookspecs import hookimpl
from morph_cl.morph.options import CnnExpertOptions, MlpExpertOptions, MorphOptions
from morph_cl.specs import ExpertSpec, StrategySpec


@hookimpl
def register_strategies() -> Iterable[StrategySpec]:
    """Offer MORPH."""
    yield StrategySpec(
        name="morph",
        build="morph_cl.morph.strategy:build",
        summary="growing experts routed by densities, a gate and a knowledge graph, with replay and sleep",
        params=MorphOptions,
    )


@hookimpl
def register_experts() -> Iterable[ExpertSpec]:
    """Offer the bundled experts."""
    yield ExpertSpec(
        name="mlp",
        build="morph_cl.morph.experts:build_mlp",
        summary="a multilayer perceptron with ReLU",
        params=MlpExpertOptions,
    )
    yield ExpertSpec(
        name="cnn",
        build="morph_cl.morph.experts:build_cnn",
        summary="3x3 convolutions, each with ReLU and a 2x2 maximum, and a linear head over their mean",
        params=CnnExpertOptions,
    )
