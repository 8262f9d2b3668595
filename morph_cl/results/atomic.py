"""Files that are either the old one or the new one, whatever happens while they are written."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from morph_cl.errors import StoreError


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write a file whole: beside it under another name, to disk, then renamed over it.

    A reader sees, and a process that dies half-way leaves, the old file or the new one. A symbolic link is
    followed; what is no regular file, such as ``/dev/stdout``, is written to directly.

    Args:
        path: the file; its folder exists.
        content: its new content; text is stored as UTF-8.

    Raises:
        StoreError: the folder is missing, cannot be written to or is full.
    """
    target = Path(os.path.realpath(path))
    data = content.encode() if isinstance(content, str) else content
    try:
        if target.exists() and not target.is_file():
            path.write_bytes(data)
            return
        _replace(target, data)
    except OSError as error:
        raise StoreError(
            f"cannot write {str(path)!r}: {_reason(error)}. Give a path in an existing, writable folder."
        ) from error


def _replace(target: Path, data: bytes) -> None:
    """Write beside the target, flush to disk and rename."""
    beside = target.with_name(f".{target.name}.{secrets.token_hex(8)}.tmp")
    try:
        with beside.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Flush the renaming itself to disk, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        pass  # some network file systems cannot sync a folder; the file itself is on disk
    finally:
        os.close(descriptor)


def check_writable(path: Path | str) -> None:
    """Make sure, before any work starts, that a file can be written when it is done.

    Args:
        path: the file that will be written, such as that of ``--json``.

    Raises:
        StoreError: it is a folder, or its folder is missing or cannot be written to.
    """
    path = Path(path)
    if path.is_dir():
        raise StoreError(f"{str(path)!r} is a folder; give the path of a file.")
    if path.exists() and not path.is_file():
        return
    parent = Path(os.path.realpath(path)).parent
    if not parent.is_dir():
        raise StoreError(f"cannot write {str(path)!r}: there is no folder {str(parent)!r}; create it first.")
    _probe(parent, str(path))


def check_folder_writable(folder: Path | str) -> None:
    """Make sure that folders and files can be made in a folder, which need not exist yet.

    Args:
        folder: the folder; nothing is left in it, and it is not created.

    Raises:
        StoreError: it, or what stands in its way, is a file, or it cannot be written to.
    """
    folder = Path(folder).absolute()
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    if not existing.is_dir():
        raise StoreError(f"{str(folder)!r} cannot be a folder: {str(existing)!r} is a file; choose another.")
    _probe(existing, str(folder))


def _probe(folder: Path, wanted: str) -> None:
    """Create and remove a file: permissions alone do not tell, as on a read-only file system."""
    probe = folder / f".morph-cl-{secrets.token_hex(8)}.tmp"
    try:
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as error:
        raise StoreError(
            f"cannot write {wanted!r}: {_reason(error)}; choose a folder that you may write to."
        ) from error


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
