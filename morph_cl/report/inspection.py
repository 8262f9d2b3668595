"""A close look at a run, as tables, heat maps and curves."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Group as Stack
from rich.console import RenderableType
from rich.text import Text

from morph_cl.report.adaptive_table import AdaptiveTable, Heading
from morph_cl.report.ascii import EncodingSafe
from morph_cl.report.formats import MISSING, one_line, percent
from morph_cl.report.grid import Grid, GridMap
from morph_cl.report.risk import risk_plot
from morph_cl.report.training import gate_plot, training_plot
from morph_cl.results.inspection import Inspection, Mistake, Usage

MOST_CLASSES = 30
"""With more classes the most frequent confusions are listed in place of the whole matrix."""

_CONFUSIONS = 12


def inspection_report(inspection: Inspection, *, ascii_only: bool = False) -> RenderableType:
    """Who answers for what, what is mistaken for what, and how it came about.

    Args:
        inspection: the inspection.
        ascii_only: whether to draw in plain ASCII whatever the terminal knows.

    Returns:
        A renderable for any console from 24 columns on.
    """
    parts: list[RenderableType] = [_heading(inspection)]
    usage = inspection.usage
    if usage is None:
        parts.append(Text("The strategy tells of no experts: usage and specialisation are left out.", style="dim"))
    else:
        parts += [*_usage_maps(inspection, usage), _experts(usage), _specialisation(usage)]
    if inspection.own_figures:
        parts.append(_own_figures(inspection))
    parts += [_confusion(inspection), _mistakes(inspection), risk_plot(inspection.risk, inspection.aurc)]
    if any(not math.isnan(point.train_accuracy) for point in inspection.curve):
        parts.append(training_plot(inspection.curve))
    gate = gate_plot(inspection.curve)
    if gate is not None:
        parts.append(gate)
    spaced = [line for part in parts for line in (part, Text(""))][:-1]
    return EncodingSafe(Stack(*spaced), ascii_only=ascii_only)


def _heading(inspection: Inspection) -> RenderableType:
    where = (
        f"{inspection.run_id}: {inspection.scenario}, {inspection.strategy}, {inspection.dataset}, "
        f"seed {inspection.seed}"
    )
    images = sum(map(sum, inspection.confusion))
    right = sum(row[label] for label, row in enumerate(inspection.confusion))
    return Stack(
        Text(one_line(where), style="dim", overflow="fold"),
        Text.assemble((f"{percent(right / images)} %", "bold"), f" of {images:,} test images right", overflow="fold"),
    )


# --- experts -----------------------------------------------------------------------------------------------------


def _usage_maps(inspection: Inspection, usage: Usage) -> list[RenderableType]:
    numbers = [str(number + 1) for number in range(len(usage.by_experience))]
    labels = [label for label, row in enumerate(usage.by_label) if not math.isnan(row[0])]
    named = "; ".join(
        f"{number} {one_line(name)}" for number, name in zip(numbers, inspection.experience_labels, strict=True)
    )
    return [
        Stack(
            _usage_map(usage, "experience", numbers, usage.by_experience),
            Text(f"experiences: {named}", style="dim", overflow="fold"),
        ),
        _usage_map(usage, "label", [str(label) for label in labels], [usage.by_label[label] for label in labels]),
    ]


def _usage_map(usage: Usage, group: str, columns: Sequence[str], weights: Sequence[Sequence[float]]) -> GridMap:
    """Weights (groups, experts), an expert a row."""
    turned = list(zip(*weights, strict=True))
    return GridMap(
        Grid(
            title=f"Expert usage by {group}",
            note=f"row: expert; column: {group}; cell: mean weight in %, a column sums to 100",
            rows=[one_line(expert.name) for expert in usage.experts],
            columns=columns,
            cells=[[MISSING if math.isnan(value) else f"{100 * value:.0f}" for value in row] for row in turned],
            heat=turned,
        )
    )


def _experts(usage: Usage) -> RenderableType:
    headings = [
        Heading("expert"),
        Heading("weight\n%", right=True),
        Heading("leads\n%", right=True),
        Heading("accu-\nracy %", right=True),
        Heading("label\nentropy", right=True),
    ]
    rows = [
        [
            Text(one_line(expert.name), style="bold"),
            Text(percent(expert.weight)),
            Text(percent(expert.led)),
            Text(percent(expert.accuracy)),
            Text(_figure(expert.label_entropy)),
        ]
        for expert in usage.experts
    ]
    note = (
        "leads: test images of which it has the greatest weight; accuracy: of the predictions for those; label "
        "entropy: 0 where those are of one label, 1 where all labels are alike."
    )
    return Stack(AdaptiveTable(headings, rows, title="Experts"), Text(note, style="dim", overflow="fold"))


def _specialisation(usage: Usage) -> RenderableType:
    headings = [Heading("leading expert against"), Heading("NMI", right=True), Heading("purity", right=True)]
    rows = [
        [Text(agreement.groups, style="bold"), Text(_figure(agreement.nmi)), Text(_figure(agreement.purity))]
        for agreement in usage.agreement
    ]
    lines = [f"entropy of expert usage: {_figure(usage.entropy)} of its maximum"]
    if not math.isnan(usage.assigned_led):
        lines.append(f"assigned expert leads: {percent(usage.assigned_led)} % (no label reaches the gate)")
    return Stack(
        AdaptiveTable(headings, rows, title="Specialisation"), *(Text(line, overflow="fold") for line in lines)
    )


def _own_figures(inspection: Inspection) -> RenderableType:
    rows = [
        [Text(one_line(name), style="bold"), Text(f"{value:.6g}")] for name, value in inspection.own_figures.items()
    ]
    return AdaptiveTable([Heading("figure"), Heading("value", right=True)], rows, title="What the strategy measured")


# --- predictions -------------------------------------------------------------------------------------------------


def _confusion(inspection: Inspection) -> RenderableType:
    table = inspection.confusion
    if len(table) > MOST_CLASSES:
        return _confusions(table)
    present = [label for label, row in enumerate(table) if sum(row)]
    columns = [label for label in range(len(table)) if any(row[label] for row in table)]
    return GridMap(
        Grid(
            title="Confusion matrix",
            note="row: label; column: predicted; cell: test images; colour: share of the label's",
            rows=[str(label) for label in present],
            columns=[str(label) for label in columns],
            cells=[[str(table[label][column]) for column in columns] for label in present],
            heat=[[table[label][column] / sum(table[label]) for column in columns] for label in present],
        )
    )


def _confusions(table: Sequence[Sequence[int]]) -> RenderableType:
    found = [
        (count, label, predicted)
        for label, row in enumerate(table)
        for predicted, count in enumerate(row)
        if count and label != predicted
    ]
    found.sort(key=lambda entry: -entry[0])
    rows = [
        [
            Text(str(label), style="bold"),
            Text(str(predicted)),
            Text(str(count)),
            Text(percent(count / sum(table[label]))),
        ]
        for count, label, predicted in found[:_CONFUSIONS]
    ]
    headings = [
        Heading("label"),
        Heading("predicted"),
        Heading("images", right=True),
        Heading("of the\nlabel %", right=True),
    ]
    return AdaptiveTable(headings, rows, title="Most frequent confusions")


def _mistakes(inspection: Inspection) -> RenderableType:
    if not inspection.mistakes:
        return Text("No mistake to show.", style="dim")
    headings = [
        Heading("experience"),
        Heading("image", right=True),
        Heading("label", right=True),
        Heading("predicted", right=True),
        Heading("confi-\ndence %", right=True),
        Heading("expert"),
    ]
    rows = [_mistake(inspection, mistake) for mistake in inspection.mistakes]
    if inspection.usage is None:
        headings, rows = headings[:-1], [row[:-1] for row in rows]
    return AdaptiveTable(headings, rows, title="Most confident mistakes")


def _mistake(inspection: Inspection, mistake: Mistake) -> list[Text]:
    name = f"{mistake.experience + 1} ({inspection.experience_labels[mistake.experience]})"
    return [
        Text(one_line(name)),
        Text(str(mistake.sample)),
        Text(str(mistake.label)),
        Text(str(mistake.predicted)),
        Text(percent(mistake.confidence)),
        Text(one_line(mistake.expert or "")),
    ]


def _figure(value: float) -> str:
    return MISSING if math.isnan(value) else f"{value:.3f}"
