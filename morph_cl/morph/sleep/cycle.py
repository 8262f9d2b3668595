"""One sleep, from the gate's training to the graph's fading."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from morph_cl.morph.arrival import flush
from morph_cl.morph.budget import fit_budget
from morph_cl.morph.sleep.calibration import calibrate
from morph_cl.morph.sleep.consolidation import consolidate
from morph_cl.morph.sleep.gate_training import train_gate
from morph_cl.morph.sleep.graph_renewal import renew_graph
from morph_cl.morph.sleep.guard import Guard
from morph_cl.morph.sleep.held_out import LEAST_HELD_OUT, HeldOut
from morph_cl.morph.sleep.merging import merge
from morph_cl.morph.sleep.meta import accuracies
from morph_cl.morph.sleep.pruning import count_dormant, prune
from morph_cl.morph.sleep.specialisation import specialisation
from morph_cl.morph.sleep.splitting import split

if TYPE_CHECKING:
    from morph_cl.morph.model import MorphModel


def sleep(model: MorphModel) -> dict[str, Any]:
    """Train the gate on memory, renew the graph, calibrate the mixture, merge, prune and split experts.

    Each change is judged on held-out samples and undone where it costs more than ``bound`` or ``loss_bound``; so is the
    sleep as a whole. With nothing to judge by, nothing changes.

    Args:
        model: the model, between two training steps.

    Returns:
        What happened, JSON-able: the detail of the ``sleep`` event.
    """
    training = model.training
    flush(model)
    model.eval()
    with torch.no_grad():
        held = HeldOut(model)
        detail: dict[str, Any] = {"held_out": len(held)}
        if len(held) >= LEAST_HELD_OUT and model.concepts.projection.fitted:
            detail |= _guarded(model, held)
    fit_budget(model)
    model.train(training)
    model.schedule.slept(model.iteration, len(model.pool), detail)
    model.note("sleep", **detail)
    return detail


def _guarded(model: MorphModel, held: HeldOut) -> dict[str, Any]:
    """A sleep that ends as it began where it cost more than it may."""
    guard = Guard(model, held)
    with torch.enable_grad():
        train_gate(model)
        consolidate(model)
    held.renew_tables()
    renew_graph(model, held)
    before = accuracies(model, held) if model.options.meta else {}
    detail = {"accuracy_before": guard.start.accuracy, "loss_before": guard.start.loss, **reorganise(model, held)}
    detail["edges_dropped"] = model.graph.decay(model.options.graph_decay)
    worse = guard.broken(model)
    if worse is not None:
        guard.restore(model)
        detail |= {"merged": [], "pruned": [], "split": [], "calibrated": False, "edges_dropped": 0}
        detail |= _figures(model, held)
        detail["undone"] = {"accuracy": worse.accuracy, "loss": worse.loss}
    if model.options.meta:
        detail["tuned"] = model.meta.learn(model, held, before, merged=len(detail["merged"]))
    return detail


def reorganise(model: MorphModel, held: HeldOut) -> dict[str, Any]:
    """All that is judged on held-out samples.

    Args:
        model: the model.
        held: the samples.

    Returns:
        What happened, JSON-able.
    """
    detail: dict[str, Any] = {}
    if model.options.calibrate:
        detail["calibrated"] = calibrate(model, held)
    shares = held.shares()
    model.graph.activate(shares, model.numbers)
    count_dormant(model, shares)
    merged = merge(model, held) if model.options.merge else []
    pruned = prune(model, held) if model.options.prune else []
    if model.options.reorganise:
        detail["split"] = split(model, held)
    detail["merged"], detail["pruned"] = merged, pruned
    return detail | _figures(model, held)


def _figures(model: MorphModel, held: HeldOut) -> dict[str, Any]:
    """How good the model is, and what each part does for it."""
    verdict = held.verdict()
    return {
        "accuracy": verdict.accuracy,
        "loss": verdict.loss,
        "specialisation": specialisation(model, held),
        "weights": [round(float(weight), 4) for weight in model.mixture.weights.exp()],
    }
