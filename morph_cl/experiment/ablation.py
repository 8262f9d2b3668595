"""A study of ablations as planned: the strategy as it is, and with one mechanism after the other switched off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from morph_cl.catalog import Catalog
from morph_cl.config import AblationConfig, RunConfig
from morph_cl.errors import UnknownNameError, UsageError
from morph_cl.experiment.plan import RunPlan, plan_run
from morph_cl.options import merge_options
from morph_cl.results.record import RunRecord
from morph_cl.specs import DEFAULTS, StrategySpec


@dataclass(frozen=True)
class AblationPlan:
    """The runs of a study, seed by seed, so that an early look compares like with like.

    Args:
        mechanisms: what each run is without, ``defaults`` where it is without nothing.
        runs: the plan of each run.
        left_out: the mechanisms that the options have switched off already.
    """

    mechanisms: tuple[str, ...]
    runs: tuple[RunPlan, ...]
    left_out: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """What to call each run: ``morph without gate``."""
        return [
            run.strategy.spec.name + ("" if mechanism == DEFAULTS else f" without {mechanism}")
            for mechanism, run in zip(self.mechanisms, self.runs, strict=True)
        ]

    def by_mechanism(self, records: Sequence[RunRecord]) -> dict[str, list[RunRecord]]:
        """The records of the runs, drawn together.

        Args:
            records: one a run, in order.

        Returns:
            The records by mechanism, ``defaults`` first, each list by seed in the order of the study.
        """
        drawn: dict[str, list[RunRecord]] = {}
        for mechanism, record in zip(self.mechanisms, records, strict=True):
            drawn.setdefault(mechanism, []).append(record)
        return drawn


def plan_ablation(study: AblationConfig, catalog: Catalog) -> AblationPlan:
    """Check every run of a study before any work starts.

    Args:
        study: what is asked for.
        catalog: the records that may take part.

    Returns:
        The plan.

    Raises:
        UsageError: the strategy offers no such ablation, it would change nothing, or a run cannot be done.
    """
    spec = catalog.strategies.get(study.base.strategy).spec
    plans = {DEFAULTS: _plan(study.base, {}, catalog)}
    for mechanism in _chosen(spec, study.only, catalog):
        plans[mechanism] = _plan(study.base, spec.ablations[mechanism][0], catalog)
    whole = plans[DEFAULTS].strategy_options
    idle = tuple(name for name, plan in plans.items() if name != DEFAULTS and plan.strategy_options == whole)
    if idle and (study.only or len(idle) == len(plans) - 1):
        raise UsageError(
            f"ablation {', '.join(idle)} changes nothing: with these options it is switched off already; "
            "leave out the options or the ablation."
        )
    kept = {name: plan.config for name, plan in plans.items() if name not in idle}
    runs = [(name, config.model_copy(update={"seed": seed})) for seed in study.seeds for name, config in kept.items()]
    return AblationPlan(
        mechanisms=tuple(name for name, _ in runs),
        runs=tuple(plan_run(config, catalog) for _, config in runs),
        left_out=idle,
    )


def _chosen(spec: StrategySpec, only: Sequence[str], catalog: Catalog) -> Sequence[str]:
    """The mechanisms to switch off."""
    if not spec.ablations:
        offering = [entry.spec.name for entry in catalog.strategies if entry.spec.ablations]
        raise UsageError(
            f"strategy {spec.name!r} offers no ablations; strategies that do: {', '.join(offering) or 'none'}."
        )
    for name in only:
        if name not in spec.ablations:
            raise UnknownNameError(f"ablation of {spec.name}", name, spec.ablations)
    return only or tuple(spec.ablations)


def _plan(base: RunConfig, switched: Mapping[str, Any], catalog: Catalog) -> RunPlan:
    """The plan of one variant: what is switched wins over the user's options."""
    options = merge_options(base.options, {base.strategy: switched} if switched else {})
    return plan_run(base.model_copy(update={"options": options}), catalog)
