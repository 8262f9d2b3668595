"""The records of the baselines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from morph_cl import StrategySpec, TrainingOptions, hookimpl
from morph_cl_plugins.baselines import options

_HERE = "morph_cl_plugins.baselines"


@hookimpl
def register_strategies() -> Iterable[StrategySpec]:
    """Offer the baselines.

    Returns:
        One record a strategy.
    """
    return [*_bounds(), *_regularized(), *_rehearsal(), *_projected(), _der()]


def _spec(name: str, build: str, summary: str, source: str, params: type[TrainingOptions], **more: Any) -> StrategySpec:
    return StrategySpec(name=name, build=f"{_HERE}.{build}", summary=summary, source=source, params=params, **more)


def _bounds() -> list[StrategySpec]:
    return [
        _spec(
            "naive",
            "sequential:build_naive",
            "Fine-tuning on each experience as it comes: the lower bound.",
            "",
            TrainingOptions,
            boundaries="free",
            accelerations=("amp", "compile"),
        ),
        _spec(
            "joint",
            "sequential:build_joint",
            "Training on the data of all experiences so far: the upper bound.",
            "Avalanche, Cumulative",
            options.JointOptions,
            accelerations=("amp", "compile"),
        ),
    ]


def _regularized() -> list[StrategySpec]:
    return [
        _spec(
            "ewc",
            "regularized:build_ewc",
            "Elastic weight consolidation: weights that mattered stay where they were.",
            "Kirkpatrick et al., Overcoming catastrophic forgetting in neural networks, PNAS 2017; "
            "online: Schwarz et al., Progress & Compress, ICML 2018",
            options.EwcOptions,
            accelerations=("amp", "compile"),
        ),
        _spec(
            "lwf",
            "regularized:build_lwf",
            "Learning without forgetting: distillation from the previous model on new data.",
            "Li & Hoiem, Learning without Forgetting, ECCV 2016",
            options.LwfOptions,
            accelerations=("amp", "compile"),
        ),
        _spec(
            "si",
            "regularized:build_si",
            "Synaptic intelligence: importances gathered along the path of training.",
            "Zenke et al., Continual Learning Through Synaptic Intelligence, ICML 2017",
            options.SiOptions,
        ),
    ]


def _rehearsal() -> list[StrategySpec]:
    return [
        _spec(
            "replay",
            "rehearsal:build_replay",
            "Experience replay from a memory that all experiences share equally.",
            "Chaudhry et al., On Tiny Episodic Memories in Continual Learning, 2019",
            options.ReplayOptions,
            accelerations=("amp", "compile"),
        ),
        _spec(
            "gdumb",
            "rehearsal:build_gdumb",
            "Training from scratch on a class-balanced memory, in each experience anew.",
            "Prabhu et al., GDumb: A Simple Approach that Questions Our Progress in Continual Learning, ECCV 2020",
            options.GDumbOptions,
        ),
        _spec(
            "icarl",
            "icarl:build_icarl",
            "Exemplars by herding, distillation, answers by the nearest mean of exemplars.",
            "Rebuffi et al., iCaRL: Incremental Classifier and Representation Learning, CVPR 2017",
            options.ICaRLOptions,
            settings=("class",),
        ),
        _spec(
            "er-ace",
            "rehearsal:build_er_ace",
            "Replay whose loss on new data leaves the logits of absent classes alone.",
            "Caccia et al., New Insights on Reducing Abrupt Representation Change in Online Continual Learning, "
            "ICLR 2022",
            options.InterferenceOptions,
        ),
        _spec(
            "mir",
            "rehearsal:build_mir",
            "Replay of the stored images that the coming step would harm most.",
            "Aljundi et al., Online Continual Learning with Maximally Interfered Retrieval, NeurIPS 2019",
            options.MirOptions,
        ),
    ]


def _projected() -> list[StrategySpec]:
    return [
        _spec(
            "agem",
            "projected:build_agem",
            "A-GEM: a step is projected until it harms no average over the memory.",
            "Chaudhry et al., Efficient Lifelong Learning with A-GEM, ICLR 2019",
            options.AGemOptions,
        ),
        _spec(
            "gem",
            "projected:build_gem",
            "GEM: a step is projected until it harms no past experience.",
            "Lopez-Paz & Ranzato, Gradient Episodic Memory for Continual Learning, NeurIPS 2017",
            options.GemOptions,
        ),
    ]


def _der() -> StrategySpec:
    return _spec(
        "der",
        "der:build_der",
        "Dark experience replay: a streaming memory of images with the logits of their day (DER, DER++).",
        "Buzzega et al., Dark Experience for General Continual Learning, NeurIPS 2020",
        options.DerOptions,
        boundaries="free",
        accelerations=("amp", "compile"),
    )
