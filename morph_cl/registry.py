"""Records by name, with loud clashes and helpful misses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from morph_cl.errors import AmbiguousNameError, UnknownNameError
from morph_cl.specs import Spec

SpecT = TypeVar("SpecT", bound=Spec)


@dataclass(frozen=True)
class Provider:
    """Who offers a record.

    Args:
        plugin: the name of the entry point, or of the file given by ``--plugin``.
        distribution: the installed distribution, or the file.
        version: its version, empty for a file.
        bundled: whether it belongs to morph-cl itself.
    """

    plugin: str
    distribution: str
    version: str = ""
    bundled: bool = False

    def __str__(self) -> str:
        return f"{self.plugin} ({' '.join(part for part in (self.distribution, self.version) if part)})"


@dataclass(frozen=True)
class Entry(Generic[SpecT]):
    """A record and who offers it."""

    spec: SpecT
    provider: Provider

    @property
    def qualified_name(self) -> str:
        """``plugin:name``, which never clashes."""
        return f"{self.provider.plugin}:{self.spec.name}"


class Registry(Generic[SpecT]):
    """The records of one kind.

    Args:
        kind: the singular name of the kind, for messages.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._by_name: dict[str, list[Entry[SpecT]]] = {}
        self._missing: dict[str, str] = {}

    def add(self, spec: SpecT, provider: Provider) -> None:
        """Register a record.

        Args:
            spec: the record.
            provider: who offers it.
        """
        self._by_name.setdefault(spec.name, []).append(Entry(spec, provider))

    def note_missing(self, reasons: Mapping[str, str]) -> None:
        """Remember why plugins were left out, to say so when a name is not found.

        Args:
            reasons: plugin name to reason.
        """
        self._missing.update(reasons)

    def get(self, name: str) -> Entry[SpecT]:
        """Find a record by ``name`` or ``plugin:name``; a bundled record keeps its bare name.

        Args:
            name: a bare or qualified name.

        Returns:
            The record with its provider.

        Raises:
            UnknownNameError: nothing is registered under the name.
            AmbiguousNameError: two plugins offer the bare name.
        """
        plugin, colon, bare = name.rpartition(":")
        entries = self._by_name.get(bare, [])
        if colon:
            entries = [entry for entry in entries if entry.provider.plugin == plugin]
        if not entries:
            raise UnknownNameError(self.kind, name, self.names(), self._hint(plugin))
        bundled = [entry for entry in entries if entry.provider.bundled]
        if len(entries) > 1 and len(bundled) == 1:
            return bundled[0]  # nobody shadows a bundled name
        if len(entries) > 1:
            offers = " and ".join(f"{e.qualified_name!r} of {e.provider}" for e in entries)
            raise AmbiguousNameError(f"{self.kind} {name!r} is offered by {offers}; use one of the qualified names.")
        return entries[0]

    def _hint(self, plugin: str) -> str:
        if plugin in self._missing:
            return f"Plugin {plugin!r} is left out: {self._missing[plugin].rstrip('.')}."
        if not self._missing:
            return ""
        if len(self._missing) == 1:
            left_out = ", ".join(f"{name} ({reason})" for name, reason in self._missing.items())
        else:
            left_out = ", ".join(sorted(self._missing))
        return f"It may belong to a plugin that is left out: {left_out}; see `morph-cl plugins doctor`."

    def names(self) -> list[str]:
        """Every name that :meth:`get` accepts, sorted: bare where that is clear, else qualified."""
        return sorted(self.shown_name(entry) for entry in self)

    def shown_name(self, entry: Entry[SpecT]) -> str:
        """The shortest name that finds a record.

        Args:
            entry: one of this registry's entries.

        Returns:
            Its bare name where that finds it, else its qualified name.
        """
        others = [other for other in self._by_name[entry.spec.name] if other is not entry]
        clear = not others or (entry.provider.bundled and not any(other.provider.bundled for other in others))
        return entry.spec.name if clear else entry.qualified_name

    def clashes(self) -> list[list[Entry[SpecT]]]:
        """The groups of records that share a bare name."""
        return [entries for _, entries in sorted(self._by_name.items()) if len(entries) > 1]

    def __iter__(self) -> Iterator[Entry[SpecT]]:
        for name in sorted(self._by_name):
            yield from self._by_name[name]

    def __len__(self) -> int:
        return sum(len(entries) for entries in self._by_name.values())
