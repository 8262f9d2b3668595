"""The state of a model, grown shape included: as a ``state_dict`` of a module and as parts that can be counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from morph_cl.morph.graph import KnowledgeGraph
from morph_cl.results.record import Event

if TYPE_CHECKING:
    from morph_cl.morph.model import MorphModel

_AVERAGE = "average."


def export_extra(model: MorphModel) -> dict[str, Any]:
    """All that is not a parameter or buffer of the module.

    Args:
        model: the model.

    Returns:
        Nested dictionaries and lists of tensors, numbers and texts.
    """
    return {
        "numbers": model.numbers,
        "next_number": model.pool.next_number,
        "active": model.active,
        "experience": model.experience,
        "iteration": model.iteration,
        "dormant": [[number, sleeps] for number, sleeps in model.dormant.items()],
        "watch": model.watch.export(),
        "schedule": model.schedule.export(),
        "meta": model.meta.export(),
        "tuned": dict(model.tuned),
        "graph": model.graph.to_json(),
        "events": [event.model_dump() for event in model.pending],
        "statistics": {"weights": model.mixture.weights, **model.concepts.export()},
        "adapting": None if model.adapting is None else model.adapting.export(),
        "memory": {"replay": model.memory.export(), "validation": model.validation.export()},
    }


def load_extra(model: MorphModel, extra: dict[str, Any]) -> None:
    """Take over what :func:`export_extra` returned; :func:`take_shape` came before.

    Args:
        model: a model of the same options.
        extra: the exported state.
    """
    model.experience, model.iteration = int(extra["experience"]), int(extra["iteration"])
    model.dormant = {int(number): int(sleeps) for number, sleeps in extra["dormant"]}
    model.watch.load(extra["watch"])
    model.schedule.load(extra["schedule"])
    model.meta.load(extra["meta"])
    model.tuned = {str(name): float(value) for name, value in extra["tuned"].items()}
    model.graph = KnowledgeGraph.from_json(extra["graph"])
    model.pending = [Event.model_validate(event) for event in extra["events"]]
    model.mixture.weights = extra["statistics"]["weights"].to(model.mixture.weights.device).clone()
    model.concepts.load(extra["statistics"])
    if model.adapting is not None:
        model.adapting.load(extra["adapting"], model.concepts)
    model.memory.load(extra["memory"]["replay"])
    model.validation.load(extra["memory"]["validation"])


def take_shape(model: MorphModel, extra: dict[str, Any]) -> None:
    """Give the model as many experts as the state has, under their numbers, one of them open.

    Args:
        model: a model of the same options.
        extra: what :func:`export_extra` returned.
    """
    pool = model.pool
    device = model.gate.weight.device
    for number in model.numbers:
        pool.remove(number)
    with torch.random.fork_rng(devices=[]):  # fresh weights are drawn only to be overwritten
        for number in extra["numbers"]:
            pool.next_number = int(number)
            pool.add(None)
    pool.next_number = int(extra["next_number"])
    model.active = int(extra["active"])
    pool.open(model.active)
    pool.to(device)
    pool.train(model.training)
    model.gate.resize(len(pool))


def split_state(state: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Sort a module's ``state_dict`` by what its tensors are.

    Args:
        state: the ``state_dict`` of a :class:`MorphModel`, or of a module that holds one.
        prefix: where the model stands in that module, with its dot.

    Returns:
        ``model`` (weights), ``memory``, ``statistics`` (densities, averages) and ``structure`` (everything else).
    """
    extra = dict(state[f"{prefix}_extra_state"])
    weights = {key: value for key, value in state.items() if key != f"{prefix}_extra_state"}
    averages = {key: weights.pop(key) for key in list(weights) if key.startswith(prefix + _AVERAGE)}
    memory, statistics = extra.pop("memory"), extra.pop("statistics")
    return {
        "model": weights,
        "memory": memory,
        "statistics": {"concepts": statistics, "average": averages},
        "structure": extra,
    }


def join_state(parts: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """The ``state_dict`` that :func:`split_state` was given.

    Args:
        parts: what it returned.
        prefix: as given to it.

    Returns:
        A ``state_dict``.
    """
    extra = {**parts["structure"], "memory": parts["memory"], "statistics": parts["statistics"]["concepts"]}
    return {**parts["model"], **parts["statistics"]["average"], f"{prefix}_extra_state": extra}
