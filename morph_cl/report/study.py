"""The report that ``morph-cl study drift`` prints."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from rich.console import Group as Stack
from rich.console import RenderableType
from rich.text import Text

from morph_cl.report.adaptive_table import AdaptiveTable, Heading
from morph_cl.report.ascii import EncodingSafe
from morph_cl.report.formats import MISSING, number_ranges, percent
from morph_cl.report.study_table import StandingTable, measure_names, ratio_text
from morph_cl.study.contestants import JUDGED
from morph_cl.study.lines import Line, Place
from morph_cl.study.rates import CRITERION
from morph_cl.study.result import DriftStudy


def drift_study_report(study: DriftStudy, *, ascii_only: bool = False) -> RenderableType:
    """The tables of the study of drifts.

    Args:
        study: its outcome.
        ascii_only: whether to draw in plain ASCII whatever the terminal knows.

    Returns:
        A renderable: the learning rates and how they were chosen, a table for each stream, the lines that were set and
        whether they are reached, and in which columns MORPH is first.
    """
    parts: list[RenderableType] = [_heading(study), Text("")]
    parts += [_rates(study), _rates_note(study)]
    for preset, standings in study.standings.items():
        labels = {name: study.config.label(name) for name in standings}
        parts += [Text(""), Text(preset, style="bold"), StandingTable(standings, labels)]
    if study.standings:
        parts += [Text(""), Text(_explanation(study), style="dim")]
    if study.lines:
        parts += [Text(""), _lines(study.lines), Text(_LINES_NOTE, style="dim")]
    if study.places:
        parts += [Text(""), Text(places_text(study.places))]
    return EncodingSafe(Stack(*parts), ascii_only=ascii_only)


def _heading(study: DriftStudy) -> Text:
    config = study.config
    length = "all training images" if config.dataset is not None else "the scenario's own length"
    length = length if config.samples is None else f"{config.samples:,} samples"
    data = "" if config.dataset is None else f" on {config.dataset}"
    hidden = "-".join(map(str, config.hidden))
    lines = [
        f"{config.scenario}{data}, streams of {length}, batches of {config.batch_size}, "
        f"seeds {number_ranges(config.seeds)}. Every network and expert has hidden layers {hidden} and Adam."
    ]
    if study.missing:
        lines.append(f"{study.missing} of the runs are not there: figures are of those that are.")
    return Text.assemble(("Study of drifts\n", "bold"), " ".join(lines))


def _rates(study: DriftStudy) -> AdaptiveTable:
    config = study.config
    grid = sorted(config.lrs)
    headings = [Heading("contestant"), *(Heading(f"{lr:g}", right=True) for lr in grid), Heading("chosen", right=True)]
    rows = []
    choices = {choice.contestant: choice for choice in study.rates}
    for contestant in config.contestants:
        choice = choices.get(contestant.name)
        cells = [MISSING] * len(grid)
        chosen = MISSING if contestant.tuned else _own_rate(study, contestant.name)
        if choice is not None:
            cells = [percent(choice.accuracies.get(lr, math.nan), digits=2) for lr in grid]
            chosen = f"{choice.chosen:g}{' (edge)' if choice.at_edge else ''}"
        rows.append([Text(text) for text in (config.label(contestant.name), *cells, chosen)])
    return AdaptiveTable(headings, rows, title="Learning rates")


def _own_rate(study: DriftStudy, contestant: str) -> str:
    """The rate of a contestant that has its own, as its runs tell."""
    options = (run.record.strategy_info.options for run in study.runs if run.contestant == contestant)
    rates = sorted({option["lr"] for option in options if "lr" in option})
    return f"{', '.join(f'{rate:g}' for rate in rates)} (own)" if rates else MISSING


def _rates_note(study: DriftStudy) -> Text:
    config = study.config
    if len(config.lrs) == 1:
        return Text("One rate was given, so none was chosen.", style="dim")
    note = (
        f"Prequential accuracy in per cent on validation seeds {number_ranges(config.validation_seeds)}, never on the "
        f"seeds below. Chosen: {CRITERION}. Own: the default of the strategy, not tuned here."
    )
    if any(choice.at_edge for choice in study.rates):
        note += " Edge: the lowest or highest rate of the grid; a wider one may hold a better rate."
    return Text(note, style="dim")


def _explanation(study: DriftStudy) -> str:
    config = study.config
    return (
        "Mean ± half-width of the 95 % interval over seeds; best of a column bold, or * without colour. Accuracies, "
        "level, drop and shares in per cent; recovery, area and delay in samples. Recovered: with the batch "
        f"that begins {config.windows} windows of {config.window} in a row within {100 * config.eps:g} points of the "
        f"accuracy on the {config.reference} samples before the drift; drifts not recovered from count with the "
        "samples up to the next one, a lower bound. Speed-up: recovery of mlp by that of the contestant, geometric "
        "mean, with its 95 % interval; at least, at most, unknown: what drifts that were not recovered from make of "
        "it. Alarms of morph: an expert grown, a known one trained again, slow change followed. False growths: "
        "experts grown where nothing drifts. Seconds are those of training."
    )


_LINES_NOTE = (
    "Reached by the measured figure; open: drifts that were not recovered from leave it open. The interval is that of "
    "95 % over seeds."
)


def _lines(lines: Sequence[Line]) -> AdaptiveTable:
    headings = [
        Heading("stream"),
        Heading("figure", share=3),
        Heading("line", share=3),
        Heading("measured", right=True),
        Heading("interval", right=True),
        Heading("reached"),
    ]
    rows = [
        [
            Text(line.preset),
            Text(line.what),
            Text(line.needed),
            Text(_measured(line)),
            Text(MISSING if math.isnan(line.low) else f"{ratio_text(line.low)}, {ratio_text(line.high)}"),
            Text(line.reached, style={"yes": "bold green", "no": "bold red"}.get(line.reached, "")),
        ]
        for line in lines
    ]
    return AdaptiveTable(headings, rows, title="Lines, reached or not")


def _measured(line: Line) -> str:
    text = MISSING if math.isnan(line.figure) else ratio_text(line.figure)
    if line.bound == "unknown":
        return f"{text}, or more or less"
    return text if line.bound == "exact" else f"{line.bound} {text}"


def places_text(places: Iterable[Place]) -> str:
    """In how many columns the judged contestant is first, and in which it is not.

    Args:
        places: its place by each figure, at least one.

    Returns:
        A sentence or two.
    """
    places = list(places)
    first = sum(place.first for place in places)
    behind: Mapping[str, list[str]] = {place.preset: [] for place in places}
    for place in places:
        if not place.first:
            behind[place.preset].append(measure_names()[place.figure])
    listed = "; ".join(f"{preset}: {', '.join(names)}" for preset, names in behind.items() if names)
    text = f"{JUDGED} is first in {first} of {len(places)} columns in which contestants differ."
    return f"{text} Not in {listed}." if listed else text
