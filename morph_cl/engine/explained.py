"""The explanation of a finished run of MORPH."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from morph_cl.engine.restored import restore_plan
from morph_cl.errors import UsageError
from morph_cl.experiment.plan import RunPlan
from morph_cl.results.atomic import write_atomic
from morph_cl.results.explanation import Explanation
from morph_cl.results.folder import RunFolder
from morph_cl.results.record import RunRecord

if TYPE_CHECKING:
    from morph_cl.morph.graph import KnowledgeGraph

GRAPH_FORMATS = (".graphml", ".json")
"""Endings of the files that a knowledge graph can be written to."""


def explain_plan(
    plan: RunPlan,
    folder: RunFolder,
    record: RunRecord,
    *,
    image: int | None = None,
    experience: int | None = None,
    label: int | None = None,
    graph: Path | None = None,
) -> Explanation:
    """Restore a run of MORPH and explain one image, one class, or all experts in brief.

    Args:
        plan: the plan of the stored configuration.
        folder: the run's folder, which holds a model.
        record: the run's record.
        image: a test image, by its place in the experience's test data.
        experience: index of the experience that the image is of; None takes the last.
        label: a class, in place of an image.
        graph: a file to write the knowledge graph to; its ending says how.

    Returns:
        The explanation.

    Raises:
        UsageError: the strategy is not MORPH's, or there is no such image or class.
    """
    strategy, stream = restore_plan(plan, folder)
    from morph_cl.morph.explain import explain_image  # after the plan was found good: these import torch
    from morph_cl.morph.strategy import MorphStrategy, TaskMorph
    from morph_cl.morph.subject import Subject
    from morph_cl.morph.survey import explain_class, explain_overview

    if not isinstance(strategy, MorphStrategy):
        raise UsageError(
            f"the 'morph' of run {folder.run_id} is a plugin's own; only the bundled one can be explained."
        )
    allowed = strategy.model.allowed if isinstance(strategy.model, TaskMorph) else None
    subject = Subject(strategy.morph, stream, record, allowed)
    explanation: Explanation
    if image is not None:
        explanation = explain_image(subject, len(stream) - 1 if experience is None else experience, image)
    elif label is not None:
        explanation = explain_class(subject, label)
    else:
        explanation = explain_overview(subject)
    if graph is not None:
        write_graph(strategy.morph.graph, graph)
    return explanation


def write_graph(graph: KnowledgeGraph, path: Path) -> None:
    """Write a knowledge graph, whole or not at all.

    Args:
        graph: the graph.
        path: a .graphml or .json file.

    Raises:
        StoreError: the file cannot be written.
    """
    if path.suffix == ".json":
        write_atomic(path, json.dumps(graph.to_json(), indent=1) + "\n")
        return
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "graph.graphml"
        graph.write_graphml(draft)
        write_atomic(path, draft.read_text(encoding="utf-8"))
