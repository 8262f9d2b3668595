"""The contract of a whole plugin: it loads alone, and each of its records keeps its own."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

from morph_cl.catalog import Catalog
from morph_cl.host import PluginHost, Source, entry_point_sources, file_source
from morph_cl.registry import Provider
from morph_cl.testing.experts import check_expert
from morph_cl.testing.findings import CheckError
from morph_cl.testing.records import check_dataset, check_detector, check_metric
from morph_cl.testing.scenarios import check_scenario
from morph_cl.testing.strategies import check_strategy

CHECKS: dict[str, Callable[..., None]] = {
    "strategy": check_strategy,
    "expert": check_expert,
    "scenario": check_scenario,
    "dataset": check_dataset,
    "metric": check_metric,
    "detector": check_detector,
}
"""The check of each kind of record."""


def check_plugin(plugin: ModuleType | object | str) -> list[str]:
    """Load a plugin as morph-cl would, and check every record that it offers.

    Args:
        plugin: a module or object with hooks; the name of an installed entry point, such as ``hello-expert``;
            the import path of a module; or a Python file.

    Returns:
        What was checked, such as ``["expert hello-expert"]``.

    Raises:
        CheckError: the plugin does not load, or a record breaks its contract.
        UsageError: the file does not exist.
    """
    source, others = _source(plugin)
    host = PluginHost([*others, source])
    catalog = Catalog(host)
    (loaded,) = [found for found in host.plugins if found.provider == source.provider]
    if loaded.status != "ok":
        raise CheckError(f"plugin {source.provider} does not load: {loaded.reason}")
    for kind, specs in sorted(loaded.records.items()):
        for spec in specs:
            CHECKS[kind](spec, catalog=catalog)
    return loaded.names


def _source(plugin: Any) -> tuple[Source, list[Source]]:
    """The plugin, and the installed ones beside which it will live."""
    installed = entry_point_sources()
    if not isinstance(plugin, str):
        name = getattr(plugin, "__name__", type(plugin).__name__)
        return Source(Provider("under-check", str(name)), lambda: plugin), installed
    for source in installed:
        if source.provider.plugin == plugin:
            return source, [other for other in installed if other is not source]
    if plugin.endswith(".py"):
        return file_source(plugin), installed
    try:
        module = importlib.import_module(plugin)
    except ImportError as error:
        known = ", ".join(source.provider.plugin for source in installed)
        raise CheckError(
            f"{plugin!r} is no installed plugin ({known}), no module ({error}) and no .py file."
        ) from error
    return Source(Provider("under-check", plugin), lambda: module), installed
