"""Bytes: what the model holds, what an expert more would cost, and how the memory makes room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from morph_cl.errors import UsageError
from morph_cl.morph.experts import tensor_bytes

if TYPE_CHECKING:
    from morph_cl.morph.model import MorphModel

_LEAST_PER_CLASS = 5  # replay samples a class below which an expert more is not worth its bytes


def bytes_held(model: MorphModel) -> int:
    """Bytes of weights, memory and statistics, working copies and the optimizer's state left out.

    Args:
        model: the model.

    Returns:
        The sum over every tensor that a checkpoint of the model holds.
    """
    return tensor_bytes(model)


def _without_memory(model: MorphModel) -> int:
    """Everything but the replay memory, the validation samples counted as if their store were full."""
    held = bytes_held(model) - tensor_bytes(model.memory) - tensor_bytes(model.validation)
    return held + model.validation.capacity * model.validation.sample_bytes


def _expert_bytes(model: MorphModel) -> int:
    """What one expert more adds: its weights while it trains, its concepts, its row of the gate."""
    net = model.pool.net(model.active)
    grown = tensor_bytes(net)  # the expert in training: single precision
    if model.options.half:
        grown -= tensor_bytes(net) // 2  # which is frozen in its turn
    concepts = tensor_bytes(model.concepts) - tensor_bytes(model.concepts.projection)
    rows = (concepts + tensor_bytes(model.gate)) // max(len(model.pool), 1)
    return grown + rows


def _capacity(model: MorphModel, extra: int) -> int:
    """Replay samples that fit beside everything else and ``extra`` bytes."""
    return (model.options.max_bytes - _without_memory(model) - extra) // model.memory.sample_bytes


def _least(model: MorphModel) -> int:
    return min(model.options.memory, _LEAST_PER_CLASS * model.classes)


def room_for_expert(model: MorphModel) -> bool:
    """Whether one expert more leaves room for a replay memory that is worth having.

    Args:
        model: the model.

    Returns:
        True where ``max_bytes`` allows the growth.
    """
    return _capacity(model, _expert_bytes(model)) >= _least(model)


def fit_budget(model: MorphModel) -> None:
    """Lower the capacity of the replay memory to what ``max_bytes`` leaves.

    Args:
        model: the model, after anything in it grew.
    """
    model.memory.shrink(max(_capacity(model, 0), 0))


def check_budget(model: MorphModel) -> None:
    """Refuse a budget that cannot hold the first expert.

    Args:
        model: a fresh model.

    Raises:
        UsageError: ``max_bytes`` is too small.
    """
    width = min(model.options.dims, model.gate.weight.shape[1]) + 1
    statistics = 4 * (model.classes * (width * (width + 1) // 2 + width + 1) + width * (model.gate.weight.shape[1] + 2))
    needed = _without_memory(model) + statistics + _least(model) * model.memory.sample_bytes
    if needed > model.options.max_bytes:
        raise UsageError(
            f"max_bytes={model.options.max_bytes} is too small: one expert, its concepts and a minimal memory take "
            f"{needed} bytes; raise max_bytes, or choose a smaller expert, fewer dims or a smaller memory."
        )
    fit_budget(model)
