"""A close look at a run, as pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from morph_cl.report.drawing import blank, save
from morph_cl.report.formats import one_line, percent
from morph_cl.report.palette import series_style
from morph_cl.report.training import expert_curves
from morph_cl.results.inspection import Inspection, Mistake

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ACROSS = 6  # mistakes in a row
_MOST_TEXTS = 400  # cells; beyond, figures in them could not be read


def draw_inspection(inspection: Inspection, folder: Path) -> list[Path]:
    """Write every picture that there is something to draw for.

    Args:
        inspection: the inspection.
        folder: where; it is made where it is missing.

    Returns:
        The files.

    Raises:
        StoreError: one cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, figure in _figures(inspection).items():
        save(figure, folder / f"{name}.png")
        written.append(folder / f"{name}.png")
    return written


def _figures(inspection: Inspection) -> dict[str, Figure]:
    figures = {"confusion": _confusion(inspection.confusion)}
    if inspection.usage is not None:
        names = [one_line(expert.name) for expert in inspection.usage.experts]
        experiences = [one_line(label) for label in inspection.experience_labels]
        labels = [str(label) for label in range(len(inspection.usage.by_label))]
        figures["usage-by-experience"] = _usage("experience", names, experiences, inspection.usage.by_experience)
        figures["usage-by-label"] = _usage("label", names, labels, inspection.usage.by_label)
    figures["risk-coverage"] = _risk(inspection)
    if inspection.curve:
        samples = [point.samples for point in inspection.curve]
        accuracy = {"": [point.train_accuracy for point in inspection.curve]}
        figures["training"] = _lines("accuracy on training batches", samples, accuracy)
        weights = expert_curves(inspection.curve)
        if weights:
            figures["gate-activation"] = _lines("weight in training batches", samples, weights)
    if inspection.mistakes:
        figures["mistakes"] = _mistakes(inspection.mistakes)
    return figures


def _usage(group: str, names: Sequence[str], columns: Sequence[str], weights: Sequence[Sequence[float]]) -> Figure:
    turned = [list(row) for row in zip(*weights, strict=True)]
    texts = [["" if math.isnan(value) else f"{100 * value:.0f}" for value in row] for row in turned]
    figure = _heat(f"Expert usage by {group}: mean weight in %", names, columns, turned, texts)
    figure.axes[0].set_xlabel(group)
    return figure


def _confusion(table: Sequence[Sequence[int]]) -> Figure:
    labels = [str(label) for label in range(len(table))]
    shares = [[count / sum(row) if sum(row) else math.nan for count in row] for row in table]
    texts = [[str(count) if count else "" for count in row] for row in table]
    figure = _heat("Confusion matrix: test images, coloured by share of the label's", labels, labels, shares, texts)
    figure.axes[0].set_xlabel("predicted")
    figure.axes[0].set_ylabel("label")
    return figure


def _heat(
    title: str,
    rows: Sequence[str],
    columns: Sequence[str],
    values: Sequence[Sequence[float]],
    texts: Sequence[Sequence[str]],
) -> Figure:
    """Cells coloured by values in [0, 1], with texts where there is room for them."""
    written = len(rows) * len(columns) <= _MOST_TEXTS
    each = 0.45 if written else 0.12
    figure = blank(max(5.0, each * len(columns) + 2.5), max(2.5, each * len(rows) + 1.5))
    axes = figure.subplots()
    image = axes.imshow(values, vmin=0.0, vmax=1.0, cmap="viridis", aspect="auto")
    figure.colorbar(image, ax=axes)
    axes.set_title(title, fontsize="medium")
    step = 1 if written else 10
    axes.set_xticks(range(0, len(columns), step), columns[::step], rotation=90 if max(map(len, columns)) > 3 else 0)
    axes.set_yticks(range(0, len(rows), step), rows[::step])
    if written:
        _write_cells(axes, values, texts)
    return figure


def _write_cells(axes: Axes, values: Sequence[Sequence[float]], texts: Sequence[Sequence[str]]) -> None:
    for row, (line, words) in enumerate(zip(values, texts, strict=True)):
        for column, (value, text) in enumerate(zip(line, words, strict=True)):
            colour = "black" if value > 0.6 else "white"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize="small")


def _lines(title: str, samples: Sequence[int], lines: dict[str, list[float]]) -> Figure:
    figure = blank(8.0, 4.0)
    axes = figure.subplots()
    for index, (name, values) in enumerate(lines.items()):
        style = "-" if index < 8 else "--"  # colours come again after eight
        axes.plot(samples, values, style, color=series_style(index), label=one_line(name), marker=".", markersize=3)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel("training samples seen")
    axes.set_title(title, fontsize="medium")
    axes.grid(alpha=0.3)
    if len(lines) > 1:
        axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _risk(inspection: Inspection) -> Figure:
    figure = blank(6.0, 4.0)
    axes = figure.subplots()
    steps = len(inspection.risk)
    coverages = [(number + 1) / steps for number in range(steps)]
    axes.plot(coverages, inspection.risk, color=series_style(0), marker=".")
    axes.set_xlim(0, 1.02)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("share of images answered, the most confident first")
    axes.set_ylabel("share of wrong answers")
    axes.set_title(f"Risk and coverage, area {100 * inspection.aurc:.2f} %", fontsize="medium")
    axes.grid(alpha=0.3)
    return figure


def _mistakes(mistakes: Sequence[Mistake]) -> Figure:
    rows = math.ceil(len(mistakes) / _ACROSS)
    figure = blank(1.6 * _ACROSS, 2.1 * rows)
    grid = figure.subplots(rows, _ACROSS, squeeze=False)
    for place, axes in enumerate(grid.flat):
        axes.set_axis_off()
        if place < len(mistakes):
            _draw_mistake(axes, mistakes[place])
    return figure


def _draw_mistake(axes: Axes, mistake: Mistake) -> None:
    grey = len(mistake.picture[0][0]) == 1
    pixels = [[pixel[0] if grey else pixel for pixel in row] for row in mistake.picture]
    axes.imshow(pixels, cmap="gray" if grey else None, vmin=0, vmax=255)
    expert = f"\n{one_line(mistake.expert)}" if mistake.expert else ""
    title = f"{mistake.label} taken for {mistake.predicted}\n{percent(mistake.confidence)} %{expert}"
    axes.set_title(title, fontsize="x-small")
