"""The plugin host: finds plugins, keeps a broken one from harming the others, calls their hooks.

pluggy stops a whole call at the first exception, skips a second entry point of the same name silently and
ignores hooks that it does not know. So each plugin is loaded in its own ``try``, checked by a plugin manager
of its own, and its register hooks are called and consumed alone; a plugin that fails is left out whole.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from morph_cl import hookspecs
from morph_cl.errors import MorphClError, PluginError, UnknownNameError, UsageError
from morph_cl.registry import Provider, Registry
from morph_cl.specs import SPEC_TYPES, Spec

ENTRY_POINT_GROUP = "morph_cl"
BUNDLED_DISTRIBUTION = "morph-cl"
DISABLE_VARIABLE = "MORPH_CL_DISABLE_PLUGINS"
STRICT_VARIABLE = "MORPH_CL_STRICT_PLUGINS"

REGISTER_HOOKS: dict[str, str] = {
    "register_strategies": "strategy",
    "register_experts": "expert",
    "register_scenarios": "scenario",
    "register_datasets": "dataset",
    "register_metrics": "metric",
    "register_detectors": "detector",
}
"""Each register hook and the kind of record that it returns."""


@dataclass
class LoadedPlugin:
    """One plugin as the host found it.

    Args:
        provider: where it comes from.
        status: ``ok``, ``failed`` or ``disabled``.
        reason: why it is left out, empty where it is not.
        records: what it offers, by kind.
        manager: the plugin manager that holds it alone, None where it is left out.
    """

    provider: Provider
    status: str = "ok"
    reason: str = ""
    records: dict[str, list[Spec]] = field(default_factory=dict)
    manager: pluggy.PluginManager | None = None

    @property
    def names(self) -> list[str]:
        """The names of its records, each with its kind."""
        return [f"{kind} {spec.name}" for kind, specs in sorted(self.records.items()) for spec in specs]


@dataclass(frozen=True)
class Source:
    """A plugin that is yet to be loaded."""

    provider: Provider
    load: Callable[[], Any]


class PluginHost:
    """All plugins of this process and the registries that they fill.

    ``plugins`` holds each plugin with its status, in the order of loading; ``registries`` the records by
    kind; ``notes`` a line for each thing that harms nobody but is not as the user meant it, for the doctor.

    Args:
        sources: the plugins in the order in which they are loaded.
        disabled: names of plugins to leave out.
        strict: whether a plugin that fails stops the program.

    Raises:
        PluginError: a plugin fails and ``strict`` is set.
    """

    def __init__(self, sources: Iterable[Source], *, disabled: Iterable[str] = (), strict: bool = False) -> None:
        self.registries: dict[str, Registry[Any]] = {kind: Registry(kind) for kind in SPEC_TYPES}
        self.plugins: list[LoadedPlugin] = []
        self._disabled = frozenset(disabled)
        self._strict = strict
        seen: dict[str, Provider] = {}
        for source in sources:
            self.plugins.append(self._load(source, seen))
        missing = {p.provider.plugin: p.reason for p in self.plugins if p.status != "ok"}
        self.notes = _notes_on_disabled(self._disabled, [p.provider.plugin for p in self.plugins])
        for registry in self.registries.values():
            registry.note_missing(missing)

    def _load(self, source: Source, seen: dict[str, Provider]) -> LoadedPlugin:
        plugin = LoadedPlugin(source.provider)
        name = source.provider.plugin
        if name in self._disabled:
            plugin.status, plugin.reason = "disabled", f"disabled by {DISABLE_VARIABLE}"
            return plugin
        try:
            if name in seen:
                raise PluginError(f"its plugin name {name!r} is taken by {seen[name]}")
            manager = _manager_of(source.load(), name)
            plugin.records = _records_of(manager)
        # A plugin is foreign code: whatever it raises must leave the others alone.
        except (Exception, SystemExit) as error:
            plugin.status, plugin.reason, plugin.records = "failed", _one_line(error), {}
            if self._strict:
                raise PluginError(f"plugin {source.provider} failed: {plugin.reason}") from error
            return plugin
        seen[name] = source.provider
        plugin.manager = manager
        for kind, specs in plugin.records.items():
            for spec in specs:
                self.registries[kind].add(spec, source.provider)
        return plugin

    def notify(self, hook: str, **arguments: Any) -> list[str]:
        """Call an observer hook of every plugin; what one raises is reported and harms nobody.

        Args:
            hook: ``run_started``, ``experience_finished`` or ``run_finished``.
            arguments: the arguments of the hook.

        Returns:
            One line for each observer that failed.
        """
        reports: list[str] = []
        for plugin in self.plugins:
            if plugin.manager is None:
                continue
            try:
                getattr(plugin.manager.hook, hook)(**arguments)
            except (Exception, SystemExit) as error:
                reports.append(f"observer {hook} of plugin {plugin.provider} failed: {_one_line(error)}")
        return reports


def _one_line(error: BaseException) -> str:
    """What an error says, on one line; its type too, unless it is morph-cl's own."""
    try:
        message = " ".join(str(error).split())
    except Exception:  # foreign code again: an exception may fail to print itself
        message = ""
    if isinstance(error, MorphClError):
        return message
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _notes_on_disabled(disabled: Iterable[str], plugins: list[str]) -> list[str]:
    """A line for each name that was to be left out and that no plugin has."""
    return [
        f"{DISABLE_VARIABLE}: {UnknownNameError('plugin', name, plugins)}"
        for name in sorted(disabled)
        if name not in plugins
    ]


def _manager_of(plugin: Any, name: str) -> pluggy.PluginManager:
    """Register a plugin alone and check that it speaks this version of the hooks.

    Raises:
        PluginError: another API major version, an unknown hook, or no hook at all.
    """
    version = getattr(plugin, "MORPH_CL_API", hookspecs.API_VERSION)
    if not (isinstance(version, tuple) and version and isinstance(version[0], int)):
        raise PluginError(f"MORPH_CL_API is {version!r}; give a tuple such as {hookspecs.API_VERSION}")
    if version[0] != hookspecs.API_VERSION[0]:
        raise PluginError(f"written for hook API {version[0]}, this is {hookspecs.API_VERSION[0]}")
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(plugin, name=name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginError(str(error).strip().replace("\n", " ")) from error
    marked = {caller.name for caller in manager.get_hookcallers(plugin) or ()}
    hooks = {name for name in vars(hookspecs) if hasattr(getattr(hookspecs, name), "morph_cl_spec")}
    for forgotten in sorted(hooks - marked):
        if callable(getattr(plugin, forgotten, None)):
            raise PluginError(f"{forgotten} is not marked; put @morph_cl.hookimpl above it")
    if not marked:
        raise PluginError("implements no hook; mark its functions with @morph_cl.hookimpl")
    return manager


def _records_of(manager: pluggy.PluginManager) -> dict[str, list[Spec]]:
    """Call and consume every register hook of one plugin.

    Raises:
        PluginError: a hook returns something other than an iterable of its records, or one name twice.
    """
    records: dict[str, list[Spec]] = {}
    for hook, kind in REGISTER_HOOKS.items():
        caller = getattr(manager.hook, hook)
        # pluggy drops a None, so what is missing here was returned as None.
        for result in caller() or [None] * len(caller.get_hookimpls()):
            if not isinstance(result, Iterable) or isinstance(result, (str, bytes, Mapping)):
                raise PluginError(f"{hook} returned {result!r}; return an iterable of {SPEC_TYPES[kind].__name__}")
            for spec in result:
                if not isinstance(spec, SPEC_TYPES[kind]):
                    raise PluginError(f"{hook} returned {spec!r}; return {SPEC_TYPES[kind].__name__} records")
                if any(spec.name == other.name for other in records.get(kind, [])):
                    raise PluginError(f"{hook} offers {kind} {spec.name!r} twice")
                records.setdefault(kind, []).append(spec)
    return records


def entry_point_sources() -> list[Source]:
    """The installed plugins: morph-cl's own first, then by distribution and name."""
    sources = []
    for entry_point in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP):
        distribution = entry_point.dist
        name = distribution.name if distribution else "unknown"
        provider = Provider(
            plugin=entry_point.name,
            distribution=name,
            version=distribution.version if distribution else "",
            bundled=name.lower().replace("_", "-") == BUNDLED_DISTRIBUTION,
        )
        sources.append(Source(provider, entry_point.load))
    unique = {(s.provider.plugin, s.provider.distribution, s.provider.version): s for s in sources}
    return sorted(unique.values(), key=lambda s: (not s.provider.bundled, s.provider.distribution, s.provider.plugin))


def file_source(path: str) -> Source:
    """A plugin in a file of the user's, given by ``--plugin``.

    Args:
        path: a Python file.

    Returns:
        The source; the file is imported when the host loads it.

    Raises:
        UsageError: the file does not exist or is no Python file.
    """
    file = Path(path).resolve()
    if not file.is_file() or file.suffix != ".py":
        raise UsageError(f"plugin file {path!r} is not a Python file; give the path of an existing .py file.")
    provider = Provider(plugin=file.stem.replace("_", "-"), distribution=str(path))
    return Source(provider, lambda: _import_file(file))


def _import_file(file: Path) -> ModuleType:
    """Import a file as a module of its own, its folder not on the path."""
    name = f"morph_cl_file_plugin_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise PluginError(f"cannot import {file}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # pickling and dataclasses look a module up by its name
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def load_host(files: Iterable[str] = ()) -> PluginHost:
    """The host of the installed plugins and the given files, as the environment asks for.

    ``MORPH_CL_DISABLE_PLUGINS=a,b`` leaves plugins out; ``MORPH_CL_STRICT_PLUGINS=1`` stops at the first that
    fails.

    Args:
        files: plugin files of the user's. One that fails is an error, since it was asked for by name.

    Returns:
        The host, its registries filled.

    Raises:
        UsageError: a file does not exist or its plugin fails.
        PluginError: an installed plugin fails and ``MORPH_CL_STRICT_PLUGINS`` is set.
    """
    disabled = [name.strip() for name in os.environ.get(DISABLE_VARIABLE, "").split(",") if name.strip()]
    strict = os.environ.get(STRICT_VARIABLE, "") not in ("", "0")
    once = {Path(path).resolve(): path for path in files}
    sources = [file_source(path) for path in once.values()]
    host = PluginHost([*entry_point_sources(), *sources], disabled=disabled, strict=strict)
    asked_for = {source.provider for source in sources}
    for plugin in host.plugins:
        if plugin.provider in asked_for and plugin.status != "ok":
            raise UsageError(f"plugin file {plugin.provider.distribution!r} cannot be used: {plugin.reason}")
    return host
