"""The model of a finished run, ready to predict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from morph_cl.engine.quiet import quiet_libraries
from morph_cl.experiment.listener import RunListener
from morph_cl.experiment.plan import RunPlan
from morph_cl.results.folder import RunFolder

if TYPE_CHECKING:
    from morph_cl.bridge.stream import Stream


def restore_plan(plan: RunPlan, folder: RunFolder) -> tuple[Any, Stream]:
    """Build the stream and the strategy of a finished run anew and restore the strategy's final state.

    Args:
        plan: the plan of the stored configuration.
        folder: the run's folder, which holds a model.

    Returns:
        The strategy, its model in evaluation mode, and the stream that it was trained on.

    Raises:
        CheckpointError: the model is damaged, or data or strategy are others now.
        UsageError: the device or the data set is not here.
    """
    with quiet_libraries():
        from morph_cl.experiment.session import RunSession  # here for the same reason as in engine.sequential

        session = RunSession(plan, listener=RunListener())
        return session.restore(folder), session.stream
