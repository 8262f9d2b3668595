"""The records of the bundled scenarios."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel

from morph_cl import ScenarioSpec, hookimpl
from morph_cl_scenarios.drifting.options import PRESETS, DriftingOptions
from morph_cl_scenarios.options import (
    PermutedOptions,
    RotatedOptions,
    SingleOptions,
    SplitHundredOptions,
    SplitOptions,
)
from morph_cl_scenarios.tabular import options as tabular

_SPLIT_SOURCE = "van de Ven et al., Three types of incremental learning, Nature Machine Intelligence 2022"


@hookimpl
def register_scenarios() -> Iterable[ScenarioSpec]:
    """Offer the bundled scenarios.

    Returns:
        One record a scenario.
    """
    return [_rotated(), _permuted(), *_splits(), _single(), *_drifting(), *_generated(), *_recorded()]


def _rotated() -> ScenarioSpec:
    return ScenarioSpec(
        name="rotated-mnist",
        build="morph_cl_scenarios.rotated_mnist:build",
        summary="The same classes in every experience, at another angle.",
        source="Lopez-Paz & Ranzato, Gradient Episodic Memory, NeurIPS 2017; "
        "Buzzega et al., Dark Experience for General Continual Learning, NeurIPS 2020 (der-20)",
        params=RotatedOptions,
        presets={
            "five-angles": {"angles": [0, 15, 30, 45, 60], "train_limit": 5_000},
            "der-20": {"experiences": 20, "spread": "random"},
            "sorted-20": {"experiences": 20, "spread": "sorted"},
        },
        training={
            "five-angles": {"epochs": 3, "batch_size": 64},
            "der-20": {"epochs": 1, "batch_size": 128},
            "sorted-20": {"epochs": 1, "batch_size": 128},
        },
    )


def _permuted() -> ScenarioSpec:
    return ScenarioSpec(
        name="permuted-mnist",
        build="morph_cl_scenarios.permuted_mnist:build",
        summary="The same classes in every experience, the pixels in another order.",
        source="Goodfellow et al., An Empirical Investigation of Catastrophic Forgetting, ICLR 2014; "
        "Buzzega et al., NeurIPS 2020 (der-20)",
        params=PermutedOptions,
        presets={"der-20": {"experiences": 20, "identity_first": False}},
        training={"der-20": {"epochs": 1, "batch_size": 128}},
    )


def _splits() -> list[ScenarioSpec]:
    families = (
        ("split-mnist", "auto", "digits", SplitOptions),
        ("split-fashion", "fashion-mnist", "Fashion-MNIST classes", SplitOptions),
        ("split-cifar10", "cifar10", "CIFAR-10 classes", SplitOptions),
        ("split-cifar100", "cifar100", "CIFAR-100 classes", SplitHundredOptions),
    )
    return [
        ScenarioSpec(
            name=name,
            build="morph_cl_scenarios.split_tasks:build",
            summary=f"Other {what} in every experience.",
            source=_SPLIT_SOURCE,
            params=options,
            settings=("class", "task", "domain"),
            dataset=dataset,
        )
        for name, dataset, what, options in families
    ]


def _single() -> ScenarioSpec:
    return ScenarioSpec(
        name="single",
        build="morph_cl_scenarios.single:build",
        summary="One stationary experience with every class.",
        params=SingleOptions,
        settings=("domain", "class"),  # one and the same here; each strategy finds the setting that it knows
    )


def _drifting() -> list[ScenarioSpec]:
    datasets = {"drifting-mnist": "auto", "drifting-fashion": "fashion-mnist", "drifting-cifar10": "cifar10"}
    return [
        ScenarioSpec(
            name=name,
            build="morph_cl_scenarios.drifting.scenario:build",
            summary="Samples one after the other, each predicted and then learned, while their concept drifts.",
            source="Gama et al., A Survey on Concept Drift Adaptation, ACM Computing Surveys 2014",
            params=DriftingOptions,
            presets=PRESETS,
            dataset=dataset,
            online=True,
        )
        for name, dataset in datasets.items()
    ]


def _generated() -> list[ScenarioSpec]:
    families: tuple[tuple[str, str, str, type[BaseModel]], ...] = (
        (
            "sea",
            "Two numbers above a threshold that drifts, among noise.",
            "Street & Kim, A Streaming Ensemble Algorithm (SEA) for Large-Scale Classification, KDD 2001",
            tabular.SeaOptions,
        ),
        (
            "agrawal",
            "Loans granted by rules that drift.",
            "Agrawal, Imielinski & Swami, Database Mining: A Performance Perspective, TKDE 1993",
            tabular.AgrawalOptions,
        ),
        (
            "led",
            "Digits of seven segments, which drift among attributes that mean nothing.",
            "Breiman et al., Classification and Regression Trees, 1984",
            tabular.LedOptions,
        ),
        (
            "rbf",
            "Clouds around centroids, which drift or move.",
            "Bifet et al., New Ensemble Methods for Evolving Data Streams, KDD 2009",
            tabular.RbfOptions,
        ),
    )
    return [
        ScenarioSpec(
            name=f"drifting-{name}",
            build="morph_cl_scenarios.tabular.generated:build",
            draw="morph_cl_scenarios.tabular.generated:draw",
            summary=summary,
            source=source,
            params=options,
            presets=tabular.RBF_PRESETS if name == "rbf" else tabular.PRESETS,
            online=True,
        )
        for name, summary, source, options in families
    ]


def _recorded() -> list[ScenarioSpec]:
    return [
        ScenarioSpec(
            name="drifting-elec2",
            build="morph_cl_scenarios.tabular.recorded:build",
            draw="morph_cl_scenarios.tabular.recorded:draw_elec2",
            summary="Whether the price of electricity goes up, as recorded; from a file that you have.",
            source="Harries, SPLICE-2 Comparative Evaluation: Electricity Pricing, 1999",
            params=tabular.Elec2Options,
            online=True,
        ),
        ScenarioSpec(
            name="recorded-river",
            build="morph_cl_scenarios.tabular.recorded:build",
            draw="morph_cl_scenarios.tabular.recorded:draw_bundled",
            summary="Recorded data that comes with river, in its order.",
            source="the package river",
            params=tabular.BundledOptions,
            online=True,
        ),
    ]
