"""Runs that do not depend on each other, in this process or in several."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from morph_cl.catalog import load_catalog
from morph_cl.config import RunConfig
from morph_cl.engine.sequential import execute_plan, resume_plan
from morph_cl.errors import CheckpointError, MorphClError, RunFailedError, UsageError
from morph_cl.experiment.listener import RunListener
from morph_cl.experiment.plan import plan_run
from morph_cl.results.folder import RunFolder
from morph_cl.results.record import RunRecord
from morph_cl.results.store import RunStore


@dataclass(frozen=True)
class Job:
    """One run to be done.

    Args:
        config: what to run; it was planned before, so that nothing in it is refused.
        store: the folder of runs; None keeps nothing.
        begun: the folder of an interrupted run of the same to go on with; None starts anew.
    """

    config: RunConfig
    store: Path | None
    begun: Path | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Args:
        record: the record; None where the run failed.
        seconds: wall-clock seconds that it took.
        warnings: what was said of it besides.
        reason: why it failed.
        refused: whether it was refused before it trained.
    """

    record: RunRecord | None
    seconds: float
    warnings: tuple[str, ...] = ()
    reason: str = ""
    refused: bool = False


def execute_jobs(jobs: Sequence[Job], processes: int = 1) -> Generator[tuple[int, Outcome], None, None]:
    """Do all jobs, in order as far as several processes allow.

    Args:
        jobs: what to run.
        processes: how many run at a time; 1 runs them in this process.

    Yields:
        The index of a job and what became of it, as each is done. Closing the iterator ends the processes: with a
        store, what they were at goes on from its checkpoint next time.

    Raises:
        RunFailedError: a process died.
    """
    if processes == 1:
        for number, job in enumerate(jobs):
            yield number, execute_job(job)
        return
    others = set(multiprocessing.active_children())
    # Spawned, not forked: torch's threads do not live on in a fork.
    pool = ProcessPoolExecutor(
        min(processes, max(len(jobs), 1)), multiprocessing.get_context("spawn"), initializer=_start_worker
    )
    try:
        yield from _in_pool(pool, jobs, processes)
    except BrokenProcessPool as error:
        raise RunFailedError("a process of the study died, perhaps for want of memory; give fewer --jobs") from error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
            process.join()


def _in_pool(
    pool: ProcessPoolExecutor, jobs: Sequence[Job], processes: int
) -> Generator[tuple[int, Outcome], None, None]:
    """Hand out one job a process, the next one when a process is free: none is started that nobody waits for."""
    left = iter(enumerate(jobs))
    running: dict[Future[Outcome], int] = {}
    while True:
        while len(running) < processes and (following := next(left, None)) is not None:
            number, job = following
            running[pool.submit(execute_job, job)] = number
        if not running:
            return
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            yield running.pop(future), future.result()


def execute_job(job: Job) -> Outcome:
    """Do one job; an error comes back as text, as not every exception can travel between processes.

    Args:
        job: what to run.

    Returns:
        What became of it.
    """
    listener = _Warnings()
    started = time.perf_counter()
    record, reason, refused = None, "", False
    try:
        record = _run(job, listener)
    except MorphClError as error:
        reason, refused = str(error).rstrip("."), isinstance(error, UsageError)
    gc.collect()  # Avalanche's strategies are reference cycles that hold whole data sets
    return Outcome(record, time.perf_counter() - started, tuple(listener.said), reason, refused)


def _run(job: Job, listener: RunListener) -> RunRecord:
    config = job.config
    plan = plan_run(config, load_catalog(config.plugin_files))
    if job.begun is not None:
        with contextlib.suppress(CheckpointError):  # of other code or data: start anew
            return resume_plan(plan, RunFolder(job.begun), listener=listener)
    return execute_plan(plan, listener=listener, store=RunStore(job.store) if job.store else None)


class _Warnings(RunListener):
    """Keeps warnings for the process that asked for the run."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def warned(self, message: str) -> None:
        self.said.append(message)


def _start_worker() -> None:
    """What a process does before its first job.

    Ctrl-C reaches every process of a terminal: the one that waits for the others ends them. Where that one is
    killed, nobody would: each ends itself, and its run goes on from its checkpoint next time.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
