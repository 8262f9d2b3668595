"""Tables of what there is: records, their options, stored runs, plugins."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from rich.console import Group as Stack
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from morph_cl.host import LoadedPlugin
from morph_cl.registry import Entry, Registry
from morph_cl.report.adaptive_table import AdaptiveTable, Heading
from morph_cl.report.ascii import EncodingSafe
from morph_cl.report.formats import assignments, one_line, option_value, percent
from morph_cl.report.options_table import options_table
from morph_cl.specs import SETTINGS, DatasetSpec, MetricSpec, ScenarioSpec, Spec, StrategySpec

_DIRECTIONS = {True: "higher", False: "lower", None: "neither"}

_KIND_COLUMNS: dict[str, tuple[tuple[str, Callable[[Any], str]], ...]] = {
    StrategySpec.kind: (
        ("settings", lambda spec: _settings(spec.settings)),
        ("boundaries", lambda spec: spec.boundaries),
    ),
    ScenarioSpec.kind: (
        ("settings", lambda spec: _settings(spec.settings)),
        ("presets", lambda spec: " ".join(spec.presets)),
    ),
    MetricSpec.kind: (
        ("better", lambda spec: _DIRECTIONS[spec.higher_is_better]),
        ("unit", lambda spec: spec.unit),
    ),
    DatasetSpec.kind: (("download", lambda spec: "yes" if spec.fetch is not None else "no need"),),
}
"""What a list shows of a kind of record besides name, summary and provider."""


class RunRow(Protocol):
    """What :func:`runs_table` reads of a stored run; ``RunSummary`` of the store has it."""

    @property
    def run_id(self) -> str:
        """The run's id."""

    @property
    def status(self) -> str:
        """How it stands, such as ``finished``."""

    @property
    def dataset(self) -> str:
        """The data set's name."""

    @property
    def average_accuracy(self) -> float:
        """A fraction, NaN where there is none."""

    @property
    def reason(self) -> str:
        """Why it failed or cannot be read."""


def records_table(registry: Registry[Any], *, title: str = "") -> RenderableType:
    """The records of one kind, for ``morph-cl list``.

    Args:
        registry: the records.
        title: a heading, empty for none.

    Returns:
        A table of name, summary, what its kind has besides, and provider.
    """
    extra = _KIND_COLUMNS.get(registry.kind, ())
    headings = [
        Heading("name"),
        Heading("summary", share=1),
        *(Heading(name, widest=18) for name, _ in extra),
        Heading("provider", widest=20),
    ]
    rows = [
        [
            Text(registry.shown_name(entry), style="bold"),
            Text(one_line(entry.spec.summary)),
            *(Text(one_line(cell(entry.spec))) for _, cell in extra),
            Text(_short_provider(entry), style="dim"),
        ]
        for entry in registry
    ]
    return EncodingSafe(AdaptiveTable(headings, rows, title=title))


def record_page(entry: Entry[Any], shown_name: str = "") -> RenderableType:
    """One record with all its options, for ``morph-cl show``.

    Args:
        entry: the record and who offers it.
        shown_name: the name to use it by, its own where empty.

    Returns:
        Its facts, its options, a scenario's presets, a strategy's profiles and ablations.
    """
    spec: Spec = entry.spec
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim")
    facts.add_column(overflow="fold")
    for name, value in _facts(entry):
        facts.add_row(name, Text(one_line(value)))
    heading = Text.assemble((f"{spec.kind} ", "dim"), (shown_name or spec.name, "bold"))
    parts: list[RenderableType] = [heading, Text(one_line(spec.summary)), facts, Text("")]
    if isinstance(spec, ScenarioSpec) and spec.presets:
        parts += [_presets(spec), Text("")]
    if isinstance(spec, StrategySpec):
        parts += [part for table in _profiles_and_ablations(spec) for part in (table, Text(""))]
    if spec.params.model_fields:
        parts.append(options_table(spec.params, owner=shown_name or spec.name))
    else:
        parts.append(Text("It takes no options.", style="dim"))
    return EncodingSafe(Stack(*parts))


def runs_table(runs: Iterable[RunRow]) -> RenderableType:
    """Stored runs, for ``morph-cl runs``.

    Args:
        runs: their summaries, in the order to show.

    Returns:
        A table; a run that did not finish says why. (Forgetting stands in ``compare``, beside what it needs.)
    """
    headings = [
        Heading("run"),
        Heading("status"),
        Heading("average\naccuracy", right=True),
        Heading("data, or reason", share=1),
    ]
    rows = [
        [
            Text(one_line(run.run_id), style="bold"),
            Text(run.status, style={"finished": "", "running": "cyan"}.get(run.status, "yellow")),
            Text(percent(run.average_accuracy)),
            Text(one_line("; ".join(part for part in (run.dataset, run.reason) if part))),
        ]
        for run in runs
    ]
    return EncodingSafe(AdaptiveTable(headings, rows))


def plugins_table(plugins: Sequence[LoadedPlugin], clashes: Sequence[Sequence[Entry[Any]]] = ()) -> RenderableType:
    """What became of each plugin, for ``morph-cl plugins doctor``.

    Args:
        plugins: the plugins as the host found them.
        clashes: groups of records that share a bare name.

    Returns:
        A table, and a line for each clash.
    """
    headings = [
        Heading("plugin"),
        Heading("distribution", widest=28),
        Heading("status"),
        Heading("offers, or reason", share=1),
    ]
    rows = [
        [
            Text(plugin.provider.plugin, style="bold"),
            Text(one_line(f"{plugin.provider.distribution} {plugin.provider.version}"), style="dim"),
            Text(plugin.status, style={"ok": "green", "failed": "bold red"}.get(plugin.status, "yellow")),
            Text(one_line(plugin.reason) or _offers(plugin) or "observes only"),
        ]
        for plugin in plugins
    ]
    table = AdaptiveTable(headings, rows)
    lines = [
        Text(
            f"clash: {' and '.join(f'{entry.qualified_name} of {entry.provider}' for entry in group)}",
            style="yellow",
        )
        for group in clashes
    ]
    return EncodingSafe(Stack(table, *lines))


def _facts(entry: Entry[Any]) -> list[tuple[str, str]]:
    spec = entry.spec
    facts = [(heading, cell(spec)) for heading, cell in _KIND_COLUMNS.get(spec.kind, ()) if heading != "presets"]
    if isinstance(spec, ScenarioSpec):
        facts.append(("data set", "draws its own samples" if spec.draw else spec.dataset))
    if isinstance(spec, MetricSpec):
        facts.append(("reads", spec.reads))
    facts += [("source", spec.source or "morph-cl's own" if entry.provider.bundled else spec.source or "not given")]
    facts += [("provider", str(entry.provider)), ("also called", entry.qualified_name)]
    return [(name, value) for name, value in facts if value]


def _presets(spec: ScenarioSpec) -> RenderableType:
    rows = [
        [
            Text(name, style="bold"),
            Text(assignments(dict(options))),
            Text(assignments(dict(spec.training.get(name, {}))), style="dim"),
        ]
        for name, options in spec.presets.items()
    ]
    return AdaptiveTable([Heading("preset"), Heading("options", share=1), Heading("training")], rows)


def _profiles_and_ablations(spec: StrategySpec) -> Iterable[RenderableType]:
    """A table of each that the strategy offers."""
    if spec.profiles:
        rows = [
            [Text(name, style="bold"), Text(" ".join(_qualified(profile)))] for name, profile in spec.profiles.items()
        ]
        yield AdaptiveTable([Heading("profile"), Heading("options", share=1)], rows)
    if spec.ablations:
        rows = [
            [Text(name, style="bold"), Text(assignments(dict(options))), Text(one_line(meaning))]
            for name, (options, meaning) in spec.ablations.items()
        ]
        yield AdaptiveTable([Heading("ablation"), Heading("options"), Heading("meaning", share=1)], rows)


def _qualified(profile: Mapping[str, Mapping[str, Any]]) -> Iterable[str]:
    """Options of several records, as ``-o`` takes them."""
    for owner, options in profile.items():
        for name, value in options.items():
            yield f"{owner}.{name}={option_value(value)}"


def _offers(plugin: LoadedPlugin) -> str:
    return ", ".join(f"{len(specs)} {_plural(kind, len(specs))}" for kind, specs in sorted(plugin.records.items()))


def _settings(settings: Sequence[str]) -> str:
    return "any" if set(settings) == set(SETTINGS) else " ".join(settings)


def _short_provider(entry: Entry[Any]) -> str:
    provider = entry.provider
    return provider.plugin if provider.bundled else one_line(str(provider))


def _plural(kind: str, count: int) -> str:
    if count == 1:
        return kind
    return kind[:-1] + "ies" if kind.endswith("y") else kind + "s"
