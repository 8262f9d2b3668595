"""Checkpoints of a run: one folder after each experience, of which only the newest whole one is kept."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

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
