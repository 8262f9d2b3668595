"""What a run saves of its strategy: a checkpoint after each experience, of which the newest is kept, and its end."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from morph_cl.bridge.tree import MANIFEST, load_tree, save_tree
from morph_cl.errors import CheckpointError

_PREFIX = "experience-"


def save_checkpoint(root: Path, number: int, tree: Any) -> None:
    """Write the checkpoint after an experience and remove the older ones.

    A crash at any moment leaves a whole checkpoint: a folder counts only once its manifest is there, which is written
    last, and the older one goes only after that.

    Args:
        root: the folder of all checkpoints of the run.
        number: how many experiences are done.
        tree: what to save.
    """
    folder = root / f"{_PREFIX}{number:04d}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    save_tree(tree, folder)
    for other in root.glob(f"{_PREFIX}*"):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)


def load_checkpoint(root: Path) -> Any:
    """Read the newest whole checkpoint.

    Args:
        root: the folder of all checkpoints of the run.

    Returns:
        The tree that was saved.

    Raises:
        CheckpointError: there is none, or it is damaged.
    """
    whole = sorted(folder for folder in root.glob(f"{_PREFIX}*") if (folder / MANIFEST).is_file())
    if not whole:
        raise CheckpointError(
            f"{root} holds no checkpoint: the run was stopped before its first experience ended; start it again."
        )
    return load_tree(whole[-1])


def remove_checkpoints(root: Path) -> None:
    """Remove the checkpoints of a run that is finished.

    Args:
        root: the folder of all checkpoints of the run.
    """
    shutil.rmtree(root, ignore_errors=True)


def save_model(folder: Path, tree: Any) -> None:
    """Write the final model of a run, whole or not at all.

    Args:
        folder: the folder to make; what an earlier attempt left there is replaced.
        tree: what to save.

    Raises:
        CheckpointError: it cannot be written; nothing is left of it.
    """
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True)
        save_tree(tree, folder)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise CheckpointError(f"cannot write {folder}: {error}; make room there and run it again.") from error


def load_model(folder: Path) -> Any:
    """Read the final model of a run.

    Args:
        folder: where :func:`save_model` wrote it.

    Returns:
        The tree that was saved.

    Raises:
        CheckpointError: it is missing or damaged.
    """
    return load_tree(folder)
