"""The record of neural branching."""

from __future__ import annotations

from collections.abc import Iterable

from morph_cl import StrategySpec, hookimpl
from morph_cl_plugins.branching.options import BranchingOptions


@hookimpl
def register_strategies() -> Iterable[StrategySpec]:
    """Offer neural branching.

    Returns:
        One record.
    """
    return [
        StrategySpec(
            name="branching",
            build="morph_cl_plugins.branching.strategy:build",
            summary="A parent is trained and frozen; specialised branches grow on its hidden layer.",
            source="calibration: Guo et al., ICML 2017; rejection: Chow, IEEE Trans. Inf. Theory 1970; exposure: "
            "Hendrycks et al., ICLR 2019; routing by density: Hayes & Kanan, CVPR Workshops 2020",
            params=BranchingOptions,
            profiles={
                "origin": {
                    "branching": {
                        "layer": 2,
                        "branch_lr": 3e-4,
                        "branch_weight_decay": 0.01,
                        "exposure": 0.0,
                        "decay": False,
                        "threshold": 0.96,
                    }
                }
            },
            ablations={
                "exposure": ({"exposure": 0.0}, "branches never see classes that are not theirs"),
                "acceptance": ({"threshold": 1e-9}, "every answer of a branch is accepted"),
                "routing": ({"routing": "confidence"}, "the most confident branch answers"),
            },
            refuses=("reset",),  # its parent is trained in the first experiences only
        )
    ]
