"""How a drift detector is attached to a strategy; no torch here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from morph_cl.options import Options

OWNER = "monitor"
"""The name under which these options stand: ``-o monitor.cooldown=500``."""


class MonitorOptions(Options):
    """Of the monitor that feeds an attached detector."""

    cooldown: Annotated[int, Field(ge=0, le=100_000_000)] = Field(
        100, description="training samples after an alarm that the detector is not told of"
    )
    factor: Annotated[float, Field(gt=1, le=10_000)] = Field(
        10.0, description="what an alarm multiplies the learning rate by (on_drift=raise)"
    )
    steps: Annotated[int, Field(ge=1, le=100_000_000)] = Field(
        100, description="training steps over which the raised rate falls back (on_drift=raise)"
    )
    dims: Annotated[int, Field(ge=1, le=4_096)] = Field(
        32, description="features of an image: random projections of its pixels, or all pixels where they are fewer"
    )
    fit: Annotated[int, Field(ge=10, le=1_000_000)] = Field(
        200, description="training samples that the density is fitted to before the detector is told (watch=density)"
    )
