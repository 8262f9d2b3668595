"""The folder of one run: what was asked for, how it stands, what came out, its checkpoint and its final model."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from morph_cl.config import RunConfig
from morph_cl.errors import StoreError
from morph_cl.results.atomic import write_atomic
from morph_cl.results.reading import read_json, read_record
from morph_cl.results.record import RunRecord, RunStart

CONFIG = "config.json"
START = "start.json"
STATUS = "status.json"
RECORD = "record.json"
CHECKPOINT = "checkpoint"
MODEL = "model"

State = Literal["running", "finished", "failed", "interrupted"]


class RunStatus(BaseModel):
    """How a run stands.

    Args:
        state: ``running``, ``finished``, ``failed`` or ``interrupted``.
        reason: why it failed.
        created: when its folder was made, ISO 8601 in UTC.
        updated: when this was written.
        process: the process that runs it, on ``host``.
        host: the machine that runs it.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    state: State
    reason: str = ""
    created: str
    updated: str
    process: int = 0
    host: str = Field(default="")

    @property
    def shown(self) -> str:
        """The state, or ``interrupted`` where the process that ran it is gone."""
        gone = self.state == "running" and self.host == platform.node() and not _is_alive(self.process)
        return "interrupted" if gone else self.state


def now() -> str:
    """The time, ISO 8601 in UTC with microseconds: such texts sort as the times do."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _is_alive(process: int) -> bool:
    """Whether a process of this machine runs; True where the system does not tell."""
    if os.name != "posix" or process <= 0:
        return True
    try:
        os.kill(process, 0)  # signal 0 asks only
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


class RunFolder:
    """One run on disk.

    Args:
        path: its folder, which exists.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def run_id(self) -> str:
        """The name of the run: that of its folder."""
        name = self.path.name
        return name if name not in ("", "..") else self.path.resolve().name

    @property
    def checkpoint(self) -> Path:
        """The folder for the strategy's state; whoever saves a checkpoint creates it."""
        return self.path / CHECKPOINT

    @property
    def model(self) -> Path:
        """The folder for the strategy's state at the end of the run; there only where one was kept."""
        return self.path / MODEL

    def is_run(self) -> bool:
        """Whether the folder holds a run at all."""
        return any((self.path / name).is_file() for name in (CONFIG, STATUS, RECORD))

    # --- what was asked for -----------------------------------------------------------------------

    def write_config(self, config: RunConfig) -> None:
        """Store what the run was told to do.

        Args:
            config: its configuration.

        Raises:
            StoreError: the folder cannot be written to.
        """
        write_atomic(self.path / CONFIG, config.model_dump_json(indent=2))

    def read_config(self) -> RunConfig:
        """What the run was told to do, to go on with it.

        Returns:
            Its configuration.

        Raises:
            StoreError: it is missing, damaged or has fields of a newer version.
        """
        path = self.path / CONFIG
        try:
            return RunConfig.model_validate(read_json(path))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise StoreError(f"{str(path)!r} is damaged or of a newer morph-cl: {where}: {first['msg']}.") from error

    def write_start(self, start: RunStart) -> None:
        """Store what is known before the first experience: scenario, strategy and data set.

        Args:
            start: what observers are told.

        Raises:
            StoreError: the folder cannot be written to.
        """
        write_atomic(self.path / START, start.model_dump_json(indent=2))

    # --- how it stands ----------------------------------------------------------------------------

    def write_status(self, state: State, reason: str = "") -> None:
        """Store how the run stands.

        Args:
            state: ``running``, ``finished``, ``failed`` or ``interrupted``.
            reason: why it failed.

        Raises:
            StoreError: the folder cannot be written to.
        """
        time = now()
        try:
            created = self.read_status().created
        except StoreError:
            created = time
        status = RunStatus(
            state=state,
            reason=reason,
            created=created,
            updated=time,
            process=os.getpid(),
            host=platform.node(),
        )
        write_atomic(self.path / STATUS, status.model_dump_json(indent=2))

    def read_status(self) -> RunStatus:
        """How the run stands.

        Returns:
            The status as it was last written.

        Raises:
            StoreError: it is missing or damaged.
        """
        path = self.path / STATUS
        try:
            return RunStatus.model_validate(read_json(path))
        except ValidationError as error:
            raise StoreError(f"{str(path)!r} is damaged: {error.errors()[0]['msg']}; delete the run.") from error

    # --- what came out ----------------------------------------------------------------------------

    @property
    def record_path(self) -> Path:
        """The file of the record."""
        return self.path / RECORD

    def write_record(self, record: RunRecord) -> RunRecord:
        """Store the record whole: a process that dies here leaves the earlier one.

        Args:
            record: what was measured.

        Returns:
            The record with this run's id, as stored.

        Raises:
            StoreError: the folder cannot be written to.
        """
        stored = record.model_copy(update={"run_id": self.run_id})
        write_atomic(self.record_path, stored.to_json())
        return stored

    def read_record(self) -> RunRecord:
        """The record.

        Returns:
            What was measured.

        Raises:
            StoreError: there is none yet, or it is damaged or of a newer layout.
        """
        if self.record_path.is_file():
            return read_record(self.record_path)
        try:
            status = self.read_status()
        except StoreError:
            raise StoreError(f"{str(self.path)!r} holds no record ({RECORD}).") from None
        why = f" ({status.reason})" if status.reason else ""
        raise StoreError(
            f"run {self.run_id!r} has no record: it is {status.shown}{why}. "
            f"`morph-cl resume {self.run_id}` goes on from its last checkpoint."
        )
