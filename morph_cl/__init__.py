"""morph-cl: continual learning on streams of experiences, with plugins.

The public names of the platform, for scripts and for plugins::

    import morph_cl

    record = morph_cl.run("rotated-mnist", "morph", preset="five-angles")

Each name is imported from its module when it is first used, so ``import morph_cl`` costs next to nothing and
a plugin that only registers records never imports torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from morph_cl.api import (
        ablate,
        build_drift_stream,
        build_stream,
        compare,
        load_run,
        load_runs,
        resume,
        run,
        run_ablation,
        run_config,
        run_study,
    )
    from morph_cl.bridge.classifier import TaskMaskedClassifier, build_classifier, build_optimizer
    from morph_cl.bridge.context import StrategyContext
    from morph_cl.bridge.detector import DriftDetector, FeatureDetector
    from morph_cl.bridge.held_out import HeldOut
    from morph_cl.bridge.inspection import LabelledBatch
    from morph_cl.bridge.online import OnlineStream
    from morph_cl.bridge.prequential import train_online
    from morph_cl.bridge.strategy import TensorStrategy
    from morph_cl.bridge.stream import ExperienceData, ScenarioRequest, Stream, make_online_stream, make_stream
    from morph_cl.catalog import load_catalog
    from morph_cl.config import AblationConfig, RunConfig, StudyConfig
    from morph_cl.data.images import ImageData
    from morph_cl.data.request import DatasetRequest
    from morph_cl.errors import (
        AmbiguousNameError,
        CheckpointError,
        DataError,
        MorphClError,
        PluginError,
        RunFailedError,
        StoreError,
        UnknownNameError,
        UsageError,
    )
    from morph_cl.experiment.listener import Progress, RunListener
    from morph_cl.hookspecs import API_VERSION, hookimpl
    from morph_cl.metrics.drift.detection import Detection, judge_alarms
    from morph_cl.metrics.drift.figures import drift_figures
    from morph_cl.metrics.drift.prequential import cumulative_accuracy, fading_accuracy, windowed_accuracy
    from morph_cl.metrics.drift.recovery import Recovery, RecoveryRule, measure_recoveries
    from morph_cl.metrics.drift.speedup import SpeedUp, measure_speed_ups
    from morph_cl.metrics.drift.stability import min_held_out_accuracy, stability_gap, worst_case_held_out_accuracy
    from morph_cl.metrics.selective import aurc, risk_at, risk_coverage
    from morph_cl.metrics.specialisation import normalised_entropy, normalised_mutual_information, purity
    from morph_cl.morph.assembly import build_morph
    from morph_cl.morph.model import MorphModel
    from morph_cl.morph.options import MorphOptions
    from morph_cl.options import NoOptions, Options
    from morph_cl.results.prequential import Blip, DriftPoint, HeldOutPoint, Trace
    from morph_cl.results.record import Event, ExperienceReport, RunRecord, RunStart
    from morph_cl.specs import (
        DatasetSpec,
        DetectorSpec,
        ExpertSpec,
        MetricSpec,
        ScenarioSpec,
        StrategySpec,
    )
    from morph_cl.stored import explain, inspect_run, load_model, load_stream
    from morph_cl.studies import StudyListener, run_drift_study, run_drift_study_config
    from morph_cl.study.result import DriftStudy
    from morph_cl.study.settings import DriftStudyConfig
    from morph_cl.training_options import TrainingOptions

    __version__: str

__all__ = [
    "API_VERSION",
    "AblationConfig",
    "AmbiguousNameError",
    "Blip",
    "CheckpointError",
    "DataError",
    "DatasetRequest",
    "DatasetSpec",
    "Detection",
    "DetectorSpec",
    "DriftPoint",
    "DriftDetector",
    "DriftStudy",
    "DriftStudyConfig",
    "Event",
    "ExperienceData",
    "ExperienceReport",
    "ExpertSpec",
    "FeatureDetector",
    "HeldOut",
    "HeldOutPoint",
    "ImageData",
    "LabelledBatch",
    "MetricSpec",
    "MorphClError",
    "MorphModel",
    "MorphOptions",
    "NoOptions",
    "OnlineStream",
    "Options",
    "PluginError",
    "Progress",
    "Recovery",
    "RecoveryRule",
    "RunConfig",
    "RunFailedError",
    "RunListener",
    "RunRecord",
    "RunStart",
    "ScenarioRequest",
    "ScenarioSpec",
    "SpeedUp",
    "StoreError",
    "StrategyContext",
    "StrategySpec",
    "Stream",
    "StudyConfig",
    "StudyListener",
    "TaskMaskedClassifier",
    "TensorStrategy",
    "Trace",
    "TrainingOptions",
    "UnknownNameError",
    "UsageError",
    "__version__",
    "ablate",
    "build_classifier",
    "build_drift_stream",
    "build_morph",
    "build_optimizer",
    "build_stream",
    "compare",
    "explain",
    "hookimpl",
    "inspect_run",
    "load_catalog",
    "load_model",
    "load_run",
    "load_runs",
    "load_stream",
    "make_online_stream",
    "make_stream",
    "resume",
    "run",
    "run_ablation",
    "run_config",
    "run_drift_study",
    "run_drift_study_config",
    "run_study",
    "train_online",
    "aurc",
    "risk_at",
    "risk_coverage",
    "normalised_entropy",
    "normalised_mutual_information",
    "purity",
    "cumulative_accuracy",
    "drift_figures",
    "fading_accuracy",
    "judge_alarms",
    "measure_recoveries",
    "measure_speed_ups",
    "min_held_out_accuracy",
    "stability_gap",
    "windowed_accuracy",
    "worst_case_held_out_accuracy",
]

_NAMES_OF = {
    "api": "ablate build_drift_stream build_stream compare load_run load_runs resume run run_ablation run_config "
    "run_study",
    "bridge.classifier": "TaskMaskedClassifier build_classifier build_optimizer",
    "bridge.context": "StrategyContext",
    "bridge.detector": "DriftDetector FeatureDetector",
    "bridge.held_out": "HeldOut",
    "bridge.inspection": "LabelledBatch",
    "bridge.online": "OnlineStream",
    "bridge.prequential": "train_online",
    "bridge.strategy": "TensorStrategy",
    "bridge.stream": "ExperienceData ScenarioRequest Stream make_online_stream make_stream",
    "catalog": "load_catalog",
    "config": "AblationConfig RunConfig StudyConfig",
    "data.images": "ImageData",
    "data.request": "DatasetRequest",
    "errors": "AmbiguousNameError CheckpointError DataError MorphClError PluginError RunFailedError "
    "StoreError UnknownNameError UsageError",
    "hookspecs": "API_VERSION hookimpl",
    "morph.assembly": "build_morph",
    "morph.model": "MorphModel",
    "morph.options": "MorphOptions",
    "options": "NoOptions Options",
    "metrics.drift.detection": "Detection judge_alarms",
    "metrics.drift.figures": "drift_figures",
    "metrics.drift.prequential": "cumulative_accuracy fading_accuracy windowed_accuracy",
    "metrics.drift.recovery": "Recovery RecoveryRule measure_recoveries",
    "metrics.drift.speedup": "SpeedUp measure_speed_ups",
    "metrics.drift.stability": "min_held_out_accuracy stability_gap worst_case_held_out_accuracy",
    "metrics.selective": "aurc risk_at risk_coverage",
    "metrics.specialisation": "normalised_entropy normalised_mutual_information purity",
    "results.prequential": "Blip DriftPoint HeldOutPoint Trace",
    "results.record": "Event ExperienceReport RunRecord RunStart",
    "experiment.listener": "Progress RunListener",
    "specs": "DatasetSpec DetectorSpec ExpertSpec MetricSpec ScenarioSpec StrategySpec",
    "stored": "explain inspect_run load_model load_stream",
    "studies": "StudyListener run_drift_study run_drift_study_config",
    "study.result": "DriftStudy",
    "study.settings": "DriftStudyConfig",
    "training_options": "TrainingOptions",
}
_MODULE_OF = {name: f"morph_cl.{module}" for module, names in _NAMES_OF.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name == "__version__":
        from importlib.metadata import version  # slow to import, and seldom asked for

        value: Any = version("morph-cl")
    elif name in _MODULE_OF:
        value = getattr(importlib.import_module(_MODULE_OF[name]), name)
    else:
        raise AttributeError(f"module 'morph_cl' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, imported or not."""
    return sorted({*globals(), *__all__})
