"""What a run is told to go faster by: device, mixed precision, compilation, batch size."""

from __future__ import annotations

from morph_cl.catalog import Catalog
from morph_cl.config import RunConfig
from morph_cl.errors import UsageError
from morph_cl.specs import ScenarioSpec, StrategySpec

FLAGS = {"amp": "--amp", "compile": "--compile"}


def check_acceleration(config: RunConfig, strategy: StrategySpec, scenario: ScenarioSpec, catalog: Catalog) -> None:
    """Refuse what the strategy or the stream rules out, before torch is imported.

    Args:
        config: what is asked for.
        strategy: the learner.
        scenario: the family of streams.
        catalog: where the strategies that could do it are looked up.

    Raises:
        UsageError: the strategy does not say that it works so, or the stream prescribes its batches.
    """
    for name, flag in FLAGS.items():
        if getattr(config, name) and name not in strategy.accelerations:
            able = [entry.spec.name for entry in catalog.strategies if name in entry.spec.accelerations]
            raise UsageError(
                f"strategy {strategy.name!r} does not work with {flag}: {_REASONS[name]}; leave {flag} out, or choose "
                f"of {', '.join(sorted(able))}."
            )
    if config.batch_size == "auto" and scenario.online:
        raise UsageError(
            f"scenario {scenario.name!r} is test-then-train: how many samples come at once is part of the stream, so "
            "batch_size=auto cannot apply; give a number."
        )


_REASONS = {
    "amp": "its record does not say that its losses and statistics bear 16 bits",
    "compile": "its record does not say that its model keeps its shape and is called as a whole",
}
