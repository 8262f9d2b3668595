"""What a run was: scenario, data, strategy, seed, and what happened in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from rich import box
from rich.console import RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from morph_cl.report.ascii import EncodingSafe
from morph_cl.report.formats import assignments, duration, human_bytes, human_count, number_ranges, one_line
from morph_cl.report.grouping import group_records
from morph_cl.results.record import Event, RunRecord

_BOUNDARIES = {
    "aware": "told when an experience ends",
    "free": "never told when an experience ends",
}


def run_header(record: RunRecord, *, ascii_only: bool = False) -> RenderableType:
    """A panel that says what a run was.

    Args:
        record: the run.
        ascii_only: whether to draw in plain ASCII whatever the terminal knows.

    Returns:
        A panel titled with the run's id: scenario, data with sizes and checksum, strategy with options, seed.
    """
    strategy = record.strategy_info
    rows = [
        ("scenario", scenario_line(record)),
        ("data", data_line(record)),
        ("strategy", strategy_line(record)),
        ("boundaries", f"{strategy.boundaries}: {_BOUNDARIES.get(strategy.boundaries, 'not said')}"),
        ("seed", str(record.seed)),
        ("cost", cost_line(record)),
        *(("speed", line) for line in [speed_line(record)] if line),
        ("events", _events(record)),
    ]
    return EncodingSafe(_panel(rows, record.run_id or "run (not stored)"), ascii_only=ascii_only)


def comparison_header(records: Sequence[RunRecord], *, ascii_only: bool = False) -> RenderableType:
    """A panel that says on what the runs of a comparison met.

    Args:
        records: the runs, at least one.
        ascii_only: whether to draw in plain ASCII whatever the terminal knows.

    Returns:
        A panel: each scenario and data set among them, the strategies' relation to boundaries, the seeds.
    """
    boundaries: dict[str, list[str]] = {}
    for record in records:
        names = boundaries.setdefault(record.strategy_info.boundaries, [])
        if record.strategy not in names:
            names.append(record.strategy)
    rows = [
        *(("scenario", line) for line in dict.fromkeys(map(scenario_line, records))),
        *(("data", line) for line in _data_lines(records)),
        *((f"{kind}", f"{', '.join(names)} ({_BOUNDARIES.get(kind, kind)})") for kind, names in boundaries.items()),
        ("seeds", number_ranges(record.seed for record in records)),
        *(
            ("events", f"{group.label}, seed {group.records[0].seed}: {_events(group.records[0])}")
            for group in group_records(records)
            if group.records[0].events
        ),
    ]
    return EncodingSafe(_panel(rows, "comparison"), ascii_only=ascii_only)


def ablation_header(records: Sequence[RunRecord]) -> RenderableType:
    """A panel that says what was ablated on which streams.

    Args:
        records: the runs of the strategy as it is, at least one.
    """
    rows = [
        *(("scenario", line) for line in dict.fromkeys(map(scenario_line, records))),
        *(("data", line) for line in _data_lines(records)),
        ("defaults", strategy_line(records[0])),
        ("seeds", number_ranges(record.seed for record in records)),
    ]
    return _panel(rows, "ablation")


def scenario_line(record: RunRecord) -> str:
    """Scenario, preset, setting and number of experiences; of a drifting stream its length and its drifts.

    Args:
        record: a run.
    """
    info = record.scenario_info
    parts = [info.name, *([info.preset] if info.preset else [])]
    if record.trace is not None:
        drifts = len(record.trace.drifts)
        parts += ["test-then-train", *info.experiences, f"{record.trace.samples:,} samples"]
        return ", ".join([*parts, f"{drifts or 'no'} drift{'s' if drifts != 1 else ''}"])
    parts.append(f"{info.setting}-incremental")
    count = len(info.experiences) or record.experiences
    parts.append(f"{count} experience{'s' if count != 1 else ''}")
    return ", ".join(parts)


def strategy_line(record: RunRecord) -> str:
    """Strategy, profile and options.

    Args:
        record: a run.
    """
    info = record.strategy_info
    profile = f"({info.profile})" if info.profile else ""
    return " ".join(part for part in (record.strategy, profile, assignments(info.options)) if part)


def data_line(record: RunRecord) -> str:
    """Data set, sizes and the beginning of its checksum.

    Args:
        record: a run.
    """
    return f"{_sizes(record)}, sha256 {record.dataset_info.checksum[:12]}"


def _data_lines(records: Sequence[RunRecord]) -> Iterable[str]:
    """The data sets of several runs; samples that a scenario drew have a checksum for each seed, too many to show."""
    return dict.fromkeys(
        f"{_sizes(record)}, drawn by the scenario for each seed" if record.dataset_info.drawn else data_line(record)
        for record in records
    )


def _sizes(record: RunRecord) -> str:
    data = record.dataset_info
    shape = "x".join(map(str, data.input_shape))
    return f"{data.name}: {data.train_size:,} train, {data.test_size:,} test, {data.classes} classes, {shape}"


def cost_line(record: RunRecord) -> str:
    """Experts, parameters, bytes and seconds.

    Args:
        record: a run.
    """
    experts = record.experts[-1] if record.experts else 1
    return (
        f"{experts} expert{'s' if experts != 1 else ''}, {human_count(record.memory.parameters)} parameters, "
        f"{human_bytes(record.memory.total_bytes)} held, {duration(record.timing.train_seconds)} training, "
        f"{duration(record.timing.eval_seconds)} evaluation, {record.provenance.device}"
    )


def speed_line(record: RunRecord) -> str:
    """Mixed precision, compilation and the batch size that was measured; empty where none was asked for.

    Args:
        record: a run.
    """
    config = record.config
    parts: list[str] = [config.amp] if config.amp else []
    parts += ["compiled"] if config.compile else []
    if record.batch_search:
        tried = ", ".join(f"{trial.batch_size}: {trial.samples_per_second:,.0f}" for trial in record.batch_search)
        parts.append(f"batches of {config.batch_size} by measurement (samples a second of {tried})")
    return ", ".join(parts)


def _events(record: RunRecord) -> str:
    return event_line(record.events, placed=record.trace is None)


def event_line(events: Sequence[Event], *, placed: bool = True) -> str:
    """What a strategy did, each kind with its count and experiences.

    Args:
        events: the events of a run.
        placed: whether to say in which experiences.

    Returns:
        Such as ``growth: 4 (experience 2-5), sleep: 1 (experience 5)``, or ``none``.
    """
    counts = Counter(event.kind for event in events)
    parts = []
    for kind, count in counts.items():
        where = number_ranges(event.experience + 1 for event in events if event.kind == kind)
        parts.append(f"{kind}: {count} (experience {where})" if placed else f"{kind}: {count}")
    return ", ".join(parts) or "none"


def _panel(rows: Sequence[tuple[str, str]], title: str) -> Panel:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows:
        grid.add_row(name, Text(one_line(value)))
    return Panel(grid, title=Text(one_line(title), style="bold"), title_align="left", box=box.ROUNDED, padding=(0, 1))
