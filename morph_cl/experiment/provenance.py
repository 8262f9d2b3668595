"""Where and with what a run ran."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib.metadata import version

from morph_cl.host import PluginHost
from morph_cl.results.record import Provenance


def provenance(host: PluginHost, device: str, threads: int) -> Provenance:
    """Versions of everything that a result may depend on.

    Args:
        host: the plugins of this process.
        device: where tensors live.
        threads: torch's threads.

    Returns:
        The provenance, stamped with the present time in UTC.
    """
    return Provenance(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        morph_cl=version("morph-cl"),
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        torch=version("torch"),
        torchvision=version("torchvision"),
        avalanche=version("avalanche-lib"),
        device=device,
        threads=threads,
        plugins=[str(plugin.provider) for plugin in host.plugins if plugin.status == "ok"],
    )
