"""The runs of the study of drifts: those that choose learning rates, and those that are measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from morph_cl.config import RunConfig
from morph_cl.options import merge_options
from morph_cl.study.contestants import CONTESTANTS, Contestant, options_for
from morph_cl.study.settings import MORPH_HIDDEN, DriftStudyConfig


@dataclass(frozen=True)
class Entry:
    """One run of the study.

    Args:
        preset: the stream.
        contestant: the learner, by its name in the study.
        seed: of stream and learner.
        lr: its learning rate; None where the contestant has its own.
        validation: whether it serves to choose the learning rate.
    """

    preset: str
    contestant: str
    seed: int
    lr: float | None = None
    validation: bool = False

    def __str__(self) -> str:
        rate = "" if self.lr is None else f", lr {self.lr:g}"
        return f"{self.contestant}, {self.preset}, {'validation ' if self.validation else ''}seed {self.seed}{rate}"


def validation_entries(study: DriftStudyConfig) -> list[Entry]:
    """The runs that learning rates are chosen by; none where there is but one rate.

    Args:
        study: the study.
    """
    if len(study.lrs) == 1:
        return []
    return [
        Entry(preset, contestant.name, seed, lr, validation=True)
        for contestant in study.contestants
        if contestant.tuned
        for lr in study.lrs
        for seed in study.validation_seeds
        for preset in study.presets
    ]


def measured_entries(study: DriftStudyConfig, rates: Mapping[str, float]) -> list[Entry]:
    """The runs that are measured, seed by seed, so that an early look compares like with like.

    Args:
        study: the study.
        rates: the learning rate of each tuned contestant; one that is missing is left out.
    """
    return [
        Entry(preset, contestant.name, seed, rates.get(contestant.name))
        for seed in study.seeds
        for preset in study.presets
        for contestant in study.contestants
        if not contestant.tuned or contestant.name in rates
    ]


def run_config(study: DriftStudyConfig, entry: Entry) -> RunConfig:
    """What a run of the study is told.

    Args:
        study: the study.
        entry: the run.

    Returns:
        Its configuration, with the contestant's own options and what of the user's concerns it.
    """
    contestant = CONTESTANTS[entry.contestant]
    samples = (study.validation_samples if entry.validation else None) or study.samples
    options = merge_options(
        merge_options(contestant.options, _network(study, contestant, entry.lr)),
        options_for(contestant, study.options, study.shared),
    )
    if samples is not None:
        options = merge_options(options, {study.scenario: {"samples": samples}})
    return RunConfig.model_validate(
        {
            "scenario": study.scenario,
            "preset": entry.preset,
            "dataset": study.dataset,
            "data_root": study.data_root,
            "download": study.download,
            "seed": entry.seed,
            "strategy": contestant.strategy,
            "options": options,
            "epochs": 1,
            "batch_size": study.batch_size,
            "threads": study.threads,
            "detector": contestant.detector,
            "watch": contestant.watch,
            "on_drift": contestant.on_drift,
            "keep_model": False,
            "plugin_files": study.plugin_files,
        }
    )


def _network(study: DriftStudyConfig, contestant: Contestant, lr: float | None) -> dict[str, dict[str, Any]]:
    """Hidden layers, optimizer and rate; MORPH's experts have the study's layers and Adam unless told otherwise."""
    if not contestant.tuned:
        return {} if study.hidden == MORPH_HIDDEN else {"mlp": {"hidden": list(study.hidden)}}
    own: dict[str, Any] = {"hidden": list(study.hidden), "optimizer": "adam"}
    return {contestant.strategy: own if lr is None else own | {"lr": lr}}
