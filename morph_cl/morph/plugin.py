"""What MORPH offers to the catalogue; no torch here."""

from __future__ import annotations

from collections.abc import Iterable

from morph_cl.hookspecs import hookimpl
from morph_cl.morph.options import CnnExpertOptions, MlpExpertOptions, MorphOptions, TransformerExpertOptions
from morph_cl.specs import ExpertSpec, StrategySpec


@hookimpl
def register_strategies() -> Iterable[StrategySpec]:
    """Offer MORPH."""
    yield StrategySpec(
        name="morph",
        build="morph_cl.morph.strategy:build",
        summary="growing experts routed by densities, a gate and a knowledge graph, with replay and sleep",
        params=MorphOptions,
        profiles={"small": {"morph": {"max_bytes": 1_000_000}, "mlp": {"hidden": [100, 100]}}},
        ablations={
            "experts": ({"max_experts": 1}, "one routed expert learns everything"),
            "shared": ({"shared": False}, "no always-on expert beside the routed ones"),
            "ema": ({"ema": 0}, "the shared expert's live weights answer, not their average"),
            "gate": ({"gate": False}, "no learned gate in routing"),
            "graph": ({"graph": False}, "no prior of the knowledge graph in routing"),
            "calibrate": ({"calibrate": False}, "the weights of the mixture stay as they start"),
            "replay": ({"replay": 0}, "no memory samples in training steps; the gate still learns on them in sleep"),
            "distil": ({"distil": 0}, "no stored logits for the shared expert to keep"),
            "merge": ({"merge": False}, "experts that answer alike stay apart"),
            "prune": ({"prune": False}, "experts that nothing is routed to stay"),
            "sleep": ({"sleep": False}, "no sleep: no gate training, no calibration, no merges, no removals"),
            "half": ({"half": False}, "frozen experts in single precision"),
            "clone": ({"clone": "scratch"}, "a grown expert starts from nothing"),
            "holdout": ({"holdout": 0}, "novelty and sleep are judged on samples that training saw too"),
        },
    )


@hookimpl
def register_experts() -> Iterable[ExpertSpec]:
    """Offer the bundled experts."""
    yield ExpertSpec(
        name="mlp",
        build="morph_cl.morph.builders:build_mlp",
        summary="a multilayer perceptron with ReLU",
        params=MlpExpertOptions,
    )
    yield ExpertSpec(
        name="cnn",
        build="morph_cl.morph.builders:build_cnn",
        summary="3x3 convolutions, each with ReLU and a 2x2 maximum, and a linear head over their mean",
        params=CnnExpertOptions,
    )
    yield ExpertSpec(
        name="transformer",
        build="morph_cl.morph.builders:build_transformer",
        summary="attention over patches with learned positions, and a linear head over the mean of the patches",
        params=TransformerExpertOptions,
    )
