"""What MORPH offers to the catalogue; no torch here."""

from __future__ import annotations

from collections.abc import Iterable

from morph_cl.hookspecs import hookimpl
from morph_cl.morph.options import (
    CnnExpertOptions,
    MlpExpertOptions,
    MorphOptions,
    NoveltyOptions,
    PageHinkleyOptions,
    TransformerExpertOptions,
)
from morph_cl.specs import DetectorSpec, ExpertSpec, StrategySpec


@hookimpl
def register_strategies() -> Iterable[StrategySpec]:
    """Offer MORPH."""
    yield StrategySpec(
        name="morph",
        build="morph_cl.morph.strategy:build",
        summary="growing experts routed by densities, a gate and a knowledge graph, with replay and sleep",
        params=MorphOptions,
        eval_batch_size=5_000,
        profiles={
            "small": {"morph": {"max_bytes": 1_000_000, "dims": 24, "modes": 7}, "mlp": {"hidden": [28, 28]}},
        },
        offers={"grow": {"boundaries": "free"}, "switch": {"boundaries": "free"}},
        ablations={
            "experts": ({"max_experts": 1}, "one routed expert learns everything"),
            "modes": ({"modes": 1}, "one Gaussian for what an expert knows of a class"),
            "shared": ({"shared": True}, "switches ON: an always-on expert that learns everything with replay"),
            "margin": ({"margin": 1_000_000, "closely": 4_096}, "the densities of all experts are looked at closely"),
            "gate": ({"gate": False}, "no learned gate in routing"),
            "graph": ({"graph": False}, "no prior of the knowledge graph in routing"),
            "calibrate": ({"calibrate": False}, "the weights of the mixture stay as they start"),
            "replay": ({"replay": 0}, "no memory samples in training steps; the gate still learns on them in sleep"),
            "packing": ({"memory_bits": 8}, "stored images as bytes: 256 levels instead of 4"),
            "balanced": ({"memory_policy": "balanced"}, "switches ON: each class has an equal share of memory"),
            "priority": ({"priority": "mixed"}, "switches ON: replay by loss, uncertainty, age and mixture of classes"),
            "merge": ({"merge": False}, "experts that answer alike stay apart"),
            "align": ({"merge_by": "align"}, "switches ON: hidden units are matched before two experts are averaged"),
            "prune": ({"prune": False}, "experts that nothing is routed to stay"),
            "reorganise": (
                {"reorganise": True},
                "switches ON: experts that own too much and answer it badly are split",
            ),
            "sleep": ({"sleep": False}, "no sleep: no gate training, no calibration, no merges, no removals"),
            "half": ({"half": False}, "frozen experts in single precision"),
            "bfloat16": ({"bfloat16": False}, "all products in single precision"),
            "meta": ({"meta": True}, "switches ON: the thresholds of merging and growth adapt in sleep"),
            "surprise": ({"surprise": 0}, "novelty is judged by densities alone, not by losses"),
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


@hookimpl
def register_detectors() -> Iterable[DetectorSpec]:
    """Offer the bundled drift detectors."""
    yield DetectorSpec(
        name="novelty",
        build="morph_cl.morph.novelty:build",
        summary="so many figures above a threshold in a row",
        params=NoveltyOptions,
    )
    yield DetectorSpec(
        name="page-hinkley",
        build="morph_cl.morph.page_hinkley:PageHinkley",
        summary="the Page-Hinkley test for a rise of the mean",
        source="E. S. Page, Continuous inspection schemes, Biometrika 41, 1954",
        params=PageHinkleyOptions,
    )
