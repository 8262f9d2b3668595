"""One sleep, from the gate's training to the graph's fading."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from morph_cl.morph.budget import fit_budget
from morph_cl.morph.intake import flush
from morph_cl.morph.sleep.calibration import calibrate
from morph_cl.morph.sleep.consolidation import consolidate
from morph_cl.morph.sleep.gate_training import train_gate
from morph_cl.morph.sleep.graph_renewal import renew_graph
from morph_cl.morph.sleep.held_out import HeldOut
from morph_cl.morph.sleep.merging import merge
from morph_cl.morph.sleep.meta import accuracies
from morph_cl.morph.sleep.pruning import count_dormant, prune
from morph_cl.morph.sleep.specialisation import specialisation
from morph_cl.morph.sleep.splitting import split

if TYPE_CHECKING:
    from morph_cl.morph.model import MorphModel

_LEAST_HELD_OUT = 20  # held-out samples below which nothing is judged on them


def sleep(model: MorphModel) -> dict[str, Any]:
    """Train the gate on memory, renew the graph, calibrate the mixture, merge, prune and split experts.

    A merge, removal or split that costs more than ``bound`` of the accuracy on held-out samples is undone.

    Args:
        model: the model, between two training steps.

    Returns:
        What happened, JSON-able: the detail of the ``sleep`` event.
    """
    training = model.training
    flush(model)
    model.eval()
    with torch.enable_grad():
        train_gate(model)
        consolidate(model)
    with torch.no_grad():
        held = HeldOut(model)
        renew_graph(model, held)
        before = accuracies(model, held) if model.options.meta else {}
        detail = reorganise(model, held)
        if model.options.meta:
            detail["tuned"] = model.meta.learn(model, held, before, merged=len(detail.get("merged", [])))
        detail["edges_dropped"] = model.graph.decay(model.options.graph_decay)
    fit_budget(model)
    model.train(training)
    model.schedule.slept(model.iteration, len(model.pool), detail)
    model.note("sleep", **detail)
    return detail


def reorganise(model: MorphModel, held: HeldOut) -> dict[str, Any]:
    """All that is judged on held-out samples.

    Args:
        model: the model.
        held: the samples.

    Returns:
        What happened, JSON-able.
    """
    if len(held) < _LEAST_HELD_OUT or not model.concepts.projection.fitted:
        return {"held_out": len(held)}
    detail: dict[str, Any] = {"held_out": len(held), "accuracy_before": held.accuracy()}
    if model.options.calibrate:
        detail["calibrated"] = calibrate(model, held)
    shares = held.shares()
    model.graph.activate(shares, model.numbers)
    count_dormant(model, shares)
    merged = merge(model, held) if model.options.merge else []
    pruned = prune(model, held) if model.options.prune else []
    if model.options.reorganise:
        detail["split"] = split(model, held)
    detail["accuracy"] = held.accuracy()
    detail["merged"], detail["pruned"] = merged, pruned
    detail["specialisation"] = specialisation(model, held)
    detail["weights"] = [round(float(weight), 4) for weight in model.mixture.weights.exp()]
    return detail
