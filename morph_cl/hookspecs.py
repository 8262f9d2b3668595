"""The hooks that a plugin may implement.

``register_*`` hooks return records and never call back; observer hooks are told what happens in a run and
return nothing. A plugin is a module or object in the entry-point group ``morph_cl``::

    from morph_cl import ExpertSpec, hookimpl

    @hookimpl
    def register_experts():
        yield ExpertSpec(name="my-expert", build="my_package.net:build", summary="...")
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from morph_cl.results.record import ExperienceReport, RunRecord, RunStart
    from morph_cl.specs import DatasetSpec, DetectorSpec, ExpertSpec, MetricSpec, ScenarioSpec, StrategySpec

API_VERSION = (1, 0)
"""Major and minor version of the hooks; a plugin may state ``MORPH_CL_API = (major, minor)``."""

PROJECT = "morph_cl"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_strategies() -> Iterable[StrategySpec]:  # type: ignore[empty-body]
    """Offer learners.

    Returns:
        The records of the strategies, in any iterable.
    """


@hookspec
def register_experts() -> Iterable[ExpertSpec]:  # type: ignore[empty-body]
    """Offer expert networks for MORPH and other mixtures.

    Returns:
        The records of the experts, in any iterable.
    """


@hookspec
def register_scenarios() -> Iterable[ScenarioSpec]:  # type: ignore[empty-body]
    """Offer families of streams.

    Returns:
        The records of the scenarios, in any iterable.
    """


@hookspec
def register_datasets() -> Iterable[DatasetSpec]:  # type: ignore[empty-body]
    """Offer data sets.

    Returns:
        The records of the data sets, in any iterable.
    """


@hookspec
def register_metrics() -> Iterable[MetricSpec]:  # type: ignore[empty-body]
    """Offer figures that are computed from a finished record.

    Returns:
        The records of the metrics, in any iterable.
    """


@hookspec
def register_detectors() -> Iterable[DetectorSpec]:  # type: ignore[empty-body]
    """Offer drift detectors.

    Returns:
        The records of the detectors, in any iterable.
    """


@hookspec
def run_started(start: RunStart) -> None:
    """Observe that a run is about to train on its first experience.

    Args:
        start: what will be run on what.
    """


@hookspec
def experience_finished(report: ExperienceReport) -> None:
    """Observe that an experience was trained on and all experiences were evaluated.

    Args:
        report: the row of the accuracy matrix and the events since the last one.
    """


@hookspec
def run_finished(record: RunRecord) -> None:
    """Observe that a run ended.

    Args:
        record: the whole record, as stored.
    """
