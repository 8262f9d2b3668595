"""The record of the static partition."""

from __future__ import annotations

from collections.abc import Iterable

from morph_cl import StrategySpec, hookimpl
from morph_cl_plugins.static_partition.options import PartitionOptions


@hookimpl
def register_strategies() -> Iterable[StrategySpec]:
    """Offer the static partition.

    Returns:
        One record.
    """
    return [
        StrategySpec(
            name="static-partition",
            build="morph_cl_plugins.static_partition.strategy:build",
            summary="Tags of labels own hidden units; only the tagged part is computed and trained, a gate finds it.",
            source="Jacobs, Jordan & Barto, Task Decomposition Through Competition in a Modular Connectionist "
            "Architecture, Cognitive Science 1991, for parts and a gate; the partition by tags is morph-cl's own",
            params=PartitionOptions,
            ablations={
                "gate": ({"route": "confidence"}, "no gate: the most confident part answers"),
                "overlap": ({"overlap": 0.5}, "switches ON: half of the units are shared by all tags"),
                "dropout": ({"dropout": 0}, "training sees every pixel"),
                "standardise": ({"standardise": False}, "images as they come, in [0, 1]"),
                "decay": ({"decay": False}, "a constant learning rate"),
            },
        )
    ]
