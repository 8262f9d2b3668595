"""What the builder of a data set is told."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs


def default_data_root() -> Path:
    """``MORPH_CL_DATA`` where it is set, else ``data`` in the working directory."""
    return Path(os.environ.get("MORPH_CL_DATA") or "data")


def cache_folder() -> Path:
    """``MORPH_CL_CACHE`` where it is set, else the user's cache folder."""
    override = os.environ.get("MORPH_CL_CACHE")
    return Path(override) if override else Path(platformdirs.user_cache_dir("morph-cl", appauthor=False))


@dataclass(frozen=True)
class DatasetRequest:
    """Where data may lie and what may be done to get it.

    Args:
        root: the folder in which torchvision's data sets lie.
        download: whether missing data may be downloaded.
        path: the user's own folder or file, for data sets that are read from one.
    """

    root: Path
    download: bool = False
    path: Path | None = None
