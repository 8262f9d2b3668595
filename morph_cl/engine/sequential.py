"""Runs one after the other in this process."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from morph_cl.engine.quiet import quiet_libraries
from morph_cl.errors import MorphClError, RunFailedError
from morph_cl.experiment.listener import RunListener
from morph_cl.experiment.plan import RunPlan
from morph_cl.results.folder import RunFolder, State
from morph_cl.results.record import RunRecord
from morph_cl.results.store import RunStore

if TYPE_CHECKING:
    from morph_cl.experiment.session import RunSession


def execute_plan(
    plan: RunPlan,
    *,
    listener: RunListener,
    store: RunStore | None = None,
    avalanche_plugins: Sequence[Any] = (),
) -> RunRecord:
    """Run one plan from the start.

    Args:
        plan: what to run.
        listener: told what happens.
        store: where to keep record and checkpoints; None keeps nothing.
        avalanche_plugins: Avalanche plugins to attach beside those that the plan names.

    Returns:
        The record.

    Raises:
        RunFailedError: the run started and broke.
        UsageError: the run was refused before it started.
    """
    return _execute(
        plan,
        listener,
        store,
        avalanche_plugins,
        lambda session: session.execute(),
        folder_of=lambda s: s.folder,
    )


def execute_plans(plans: Iterable[RunPlan], *, listener: RunListener, store: RunStore | None = None) -> list[RunRecord]:
    """Run several plans, one after the other.

    Args:
        plans: what to run, in order.
        listener: told what happens.
        store: where to keep records and checkpoints; None keeps nothing.

    Returns:
        A record a plan.

    Raises:
        RunFailedError: a run started and broke; the later ones did not start.
        UsageError: a run was refused before it started.
    """
    records = []
    for plan in plans:
        records.append(execute_plan(plan, listener=listener, store=store))
        gc.collect()  # Avalanche's strategies are reference cycles that hold whole data sets
    return records


def resume_plan(plan: RunPlan, folder: RunFolder, *, listener: RunListener) -> RunRecord:
    """Go on with a stored run from its newest checkpoint.

    Args:
        plan: the plan of the stored configuration.
        folder: the run's folder.
        listener: told what happens.

    Returns:
        The record.

    Raises:
        CheckpointError: there is no checkpoint to go on from, or it does not fit.
        RunFailedError: the run went on and broke.
    """
    return _execute(plan, listener, None, (), lambda session: session.resume(folder), folder_of=lambda _: folder)


def _execute(
    plan: RunPlan,
    listener: RunListener,
    store: RunStore | None,
    avalanche_plugins: Sequence[Any],
    job: Callable[[RunSession], RunRecord],
    *,
    folder_of: Callable[[RunSession], RunFolder | None],
) -> RunRecord:
    with quiet_libraries():
        # Imported here: torch and Avalanche take seconds, and what is refused should be refused before that.
        from morph_cl.experiment.session import RunSession

        session = RunSession(plan, listener=listener, store=store, avalanche_plugins=avalanche_plugins)
        with _marking_failure(lambda: folder_of(session)):
            return job(session)


@contextmanager
def _marking_failure(folder: Callable[[], RunFolder | None]) -> Iterator[None]:
    """Write into the store why a run did not end, and turn a crash into a :class:`RunFailedError`."""
    try:
        yield
    except MorphClError as error:
        _mark(folder(), "failed", str(error))
        raise
    except KeyboardInterrupt:
        _mark(folder(), "interrupted")
        raise
    except Exception as error:
        _mark(folder(), "failed", f"{type(error).__name__}: {error}")
        raise RunFailedError(f"{type(error).__name__}: {error}") from error


def _mark(folder: RunFolder | None, state: State, reason: str = "") -> None:
    if folder is not None:
        folder.write_status(state, reason)
