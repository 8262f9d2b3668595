"""The record of the mixture of experts."""

from __future__ import annotations

from collections.abc import Iterable

from morph_cl import StrategySpec, hookimpl
from morph_cl_plugins.moe.options import MoeOptions


@hookimpl
def register_strategies() -> Iterable[StrategySpec]:
    """Offer the mixture of experts.

    Returns:
        One record.
    """
    return [
        StrategySpec(
            name="moe",
            build="morph_cl_plugins.moe.strategy:build_moe",
            summary="A mixture of experts: a gate chooses k of them for each image, and only those are computed.",
            source="Shazeer et al., Outrageously Large Neural Networks: The Sparsely-Gated Mixture-of-Experts Layer, "
            "ICLR 2017; Fedus et al., Switch Transformers, JMLR 2022",
            params=MoeOptions,
            accelerations=("amp",),
            ablations={
                "balance": ({"balance": 0}, "nothing spreads images over the experts"),
                "decay": ({"decay": False}, "a constant learning rate"),
                "dropout": ({"dropout": 0}, "training sees every pixel"),
                "standardise": ({"standardise": False}, "images as they come, in [0, 1]"),
                "noise": ({"noise": True}, "switches ON: the gate's scores are noisy in training"),
            },
        )
    ]
