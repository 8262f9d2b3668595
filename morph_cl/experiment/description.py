"""What a record says of a run before it has measured anything."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from morph_cl.config import RunConfig
from morph_cl.experiment.plan import RunPlan
from morph_cl.results.record import DatasetInfo, RunStart, ScenarioInfo, StrategyInfo

if TYPE_CHECKING:
    from morph_cl.bridge.stream import Stream


def describe_run(plan: RunPlan, stream: Stream, data: DatasetInfo) -> RunStart:
    """Scenario, strategy, data set and seed, as observers are told and records keep.

    Args:
        plan: the plan.
        stream: the stream that was built from it.
        data: the data set that the stream is made of.

    Returns:
        The description.
    """
    strategy = plan.strategy
    return RunStart(
        scenario=ScenarioInfo(
            name=plan.stream.scenario.spec.name,
            setting=plan.stream.setting,
            preset=plan.config.preset,
            experiences=list(stream.labels),
            options=plan.stream.options.model_dump(mode="json"),
            detail=dict(stream.detail),
        ),
        strategy=StrategyInfo(
            name=strategy.spec.name,
            source=strategy.spec.source,
            profile=plan.config.profile,
            # A strategy that offers both modes says in its options which one it is in.
            boundaries=getattr(plan.strategy_options, "boundaries", strategy.spec.boundaries),
            options=plan.strategy_options.model_dump(mode="json"),
            provider=str(strategy.provider),
        ),
        dataset=data,
        seed=plan.config.seed,
    )


def resolved_config(plan: RunPlan, epochs: int) -> RunConfig:
    """The configuration with everything decided that was left to be: enough to go on in another folder.

    Args:
        plan: the plan.
        epochs: passes over each experience.

    Returns:
        The configuration to store.
    """
    dataset: dict[str, str | Path | None] = {"dataset": None}
    if (choice := plan.stream.dataset) is not None:
        path = choice.request.path
        dataset = {"dataset": str(path) if path else choice.name, "data_root": choice.request.root}
    return plan.config.model_copy(
        update={
            **dataset,
            "epochs": epochs,
            "batch_size": plan.batch_size,
            "eval_batch_size": plan.eval_batch_size,
            "setting": plan.stream.setting,
            "plugin_files": tuple(str(Path(file).resolve()) for file in plan.config.plugin_files),
        }
    )
