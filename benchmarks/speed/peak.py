"""The most memory that this process has had."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def forget_peak() -> None:
    """Count from here on, where the system can: on Linux, a process may reset its own mark."""
    mark = Path("/proc/self/clear_refs")
    if mark.exists():
        mark.write_text("5")


def peak_mib() -> float:
    """MiB resident at the most so far, or since :func:`forget_peak`.

    On Linux it is read from the process's own status: ``getrusage`` would tell the peak of the process that started
    this one where that was higher.
    """
    if _STATUS.exists():
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
