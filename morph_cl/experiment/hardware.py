"""The device and the threads of a run."""

from __future__ import annotations

import os

import torch

from morph_cl.errors import UsageError


def check_device(device: str) -> None:
    """Refuse a device that is not there.

    Args:
        device: ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

    Raises:
        UsageError: this machine has no such device.
    """
    kind = device.partition(":")[0]
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}[kind]
    if there and ":" in device:
        there = int(device.partition(":")[2]) < torch.cuda.device_count()
    if not there:
        raise UsageError(f"device {device!r} is not available on this machine; use --device cpu, or --device auto.")


def resolve_device(device: str) -> str:
    """The device that is meant.

    Args:
        device: ``auto``, or the name of a device.

    Returns:
        For ``auto`` ``cuda`` where there is one, else ``mps``, else ``cpu``; any other as it is.

    Raises:
        UsageError: this machine has no such device.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    check_device(device)
    return device


def default_threads() -> int:
    """Half of the cores.

    The small steps of a continual learner gain little from more, and lose tenfold to waiting for each other where
    another process wants the same cores.
    """
    return max(1, (os.cpu_count() or 1) // 2)
