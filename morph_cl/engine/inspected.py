"""The inspection of a finished run."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from morph_cl.engine.quiet import quiet_libraries
from morph_cl.engine.restored import restore_plan
from morph_cl.experiment.plan import RunPlan
from morph_cl.metrics.compute import metric_key
from morph_cl.results.atomic import write_atomic
from morph_cl.results.folder import RunFolder
from morph_cl.results.inspection import Inspection
from morph_cl.results.record import RunRecord

if TYPE_CHECKING:
    from morph_cl.bridge.observation import Observations

SAMPLE_COLUMNS = ("sample", "experience", "expert", "weight", "label", "predicted", "assigned")
"""Columns of the file of samples."""


def inspect_plan(
    plan: RunPlan, folder: RunFolder, record: RunRecord, *, mistakes: int, samples: Path | None = None
) -> Inspection:
    """Restore a run and ask its model about every test image.

    Args:
        plan: the plan of the stored configuration.
        folder: the run's folder, which holds a model.
        record: the run's record.
        mistakes: how many wrong predictions to keep.
        samples: a CSV file to write a row for each sample and expert to.

    Returns:
        The inspection.
    """
    strategy, stream = restore_plan(plan, folder)
    from morph_cl.bridge.observation import observe  # after the plan was found good: these import torch
    from morph_cl.experiment.inspection import summarise

    with quiet_libraries():
        seen = observe(strategy, stream)
    registered = {metric_key(plan.catalog.metrics.shown_name(entry)) for entry in plan.catalog.metrics}
    own = {name: value for name, value in record.metrics.items() if name not in registered}
    if samples is not None:
        write_atomic(samples, _samples_csv(seen))
    return summarise(seen, stream, record, mistakes=mistakes, own_figures=own)


def _samples_csv(seen: Observations) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(SAMPLE_COLUMNS)
    writer.writerows(_rows(seen))
    return text.getvalue()


def _rows(seen: Observations) -> Iterator[tuple[object, ...]]:
    """A row for each sample and each expert that counts for it; of a monolith one without an expert."""
    facts = zip(
        seen.sample.tolist(), seen.experience.tolist(), seen.label.tolist(), seen.predicted.tolist(), strict=True
    )
    weights = [[]] * len(seen.label) if seen.weights is None else seen.weights.tolist()
    assigned = [-1] * len(seen.label) if seen.assigned is None else seen.assigned.tolist()
    for (sample, experience, label, predicted), row, meant in zip(facts, weights, assigned, strict=True):
        name = seen.names[meant] if meant >= 0 else ""
        used = [(seen.names[column], f"{weight:.6g}") for column, weight in enumerate(row) if weight > 0]
        for expert, weight in used or [("", "")]:
            yield sample, experience + 1, expert, weight, label, predicted, name
