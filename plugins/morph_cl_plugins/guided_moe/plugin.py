"""The record of the guided mixture of experts."""

from __future__ import annotations

from collections.abc import Iterable

from morph_cl import StrategySpec, hookimpl
from morph_cl_plugins.guided_moe.options import GuidedMoeOptions


@hookimpl
def register_strategies() -> Iterable[StrategySpec]:
    """Offer the guided mixture of experts.

    Returns:
        One record.
    """
    return [
        StrategySpec(
            name="guided-moe",
            build="morph_cl_plugins.guided_moe.strategy:build_guided",
            summary="A mixture of experts whose gate is taught which expert is meant for which group of labels.",
            source="Jacobs et al., Adaptive Mixtures of Local Experts, Neural Computation 1991, for the mixture; "
            "Shazeer et al., The Sparsely-Gated Mixture-of-Experts Layer, ICLR 2017, for its top-k gate",
            params=GuidedMoeOptions,
            ablations={
                "guidance": ({"guidance": 0, "balance": 0.1}, "the gate finds its own groups, as in moe"),
                "annealing": ({"anneal": 1_000}, "switches ON: guidance falls to a tenth within 1,000 steps"),
                "decay": ({"decay": False}, "a constant learning rate"),
            },
        )
    ]
