"""Bytes: what the model holds, what an expert more would cost, and how the memory makes room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from morph_cl.errors import UsageError
from morph_cl.morph.experts import tensor_bytes

if TYPE_CHECKING:
    from morph_cl.morph.model import MorphModel
    from morph_cl.morph.options import MorphOptions

_HELD_OUT_SHARE = 0.1  # of the bytes, at most, for samples to judge on
_CONCEPT_SHARE = 0.45  # of the bytes, at most, for the densities' modes
_LEAST_PER_CLASS = 5  # replay samples a class without which an expert more is not worth its bytes
_LEAST_SHARE = 0.05  # of the bytes, for replay samples, before anything else may grow


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
    """What one expert more may add: its weights while it trains, its concepts when full, its row of the gate."""
    net = model.pool.net(model.active)
    grown = tensor_bytes(net)  # the expert in training: single precision
    if model.options.half:
        grown -= tensor_bytes(net) // 2  # which is frozen in its turn
    seen = int((model.concepts.counts.sum(0) > 0).sum())
    concepts = max(seen, 1) * model.options.modes * _mode_bytes(model, live=True)
    return grown + concepts + tensor_bytes(model.gate) // max(len(model.pool), 1)


def _mode_bytes(model: MorphModel, *, live: bool) -> int:
    """What one mode takes, while its expert trains or afterwards."""
    monomials = model.concepts.modes.sums.shape[1]
    return (2 * (monomials - 1) + 8) if model.options.half and not live else 4 * monomials + 4


def _capacity(model: MorphModel, extra: int) -> int:
    """Replay samples that fit beside everything else and ``extra`` bytes."""
    return (model.options.max_bytes - _without_memory(model) - extra) // model.memory.sample_bytes


def _least(model: MorphModel) -> int:
    """Replay samples below which nothing else may grow."""
    share = int(model.options.max_bytes * _LEAST_SHARE) // model.memory.sample_bytes
    return min(model.options.memory, max(share, _LEAST_PER_CLASS * model.classes))


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
    if model.concepts.projection.fitted:
        model.concepts.most_modes = most_modes(model)
    model.memory.shrink(max(_capacity(model, 0), 0))


def held_out_capacity(options: MorphOptions, sample_bytes: int) -> int:
    """How many held-out samples are kept.

    Args:
        options: MORPH's options.
        sample_bytes: bytes of a stored sample.

    Returns:
        A tenth of the replay memory, but no more than a tenth of the bytes, and never too few to judge on.
    """
    return max(min(options.memory // 10, int(options.max_bytes * _HELD_OUT_SHARE) // sample_bytes), 20)


def most_modes(model: MorphModel) -> int:
    """How many modes all concepts together may have.

    Args:
        model: a model with a fitted projection.

    Returns:
        As many as there are and as fit into a share of the bytes, beside everything else and a minimal memory.
    """
    held = tensor_bytes(model.concepts.modes)
    left = model.options.max_bytes - _without_memory(model) - _least(model) * model.memory.sample_bytes
    left = min(left, int(model.options.max_bytes * _CONCEPT_SHARE) - held)
    return len(model.concepts.modes) + max(left // _mode_bytes(model, live=True), 0)


def check_budget(model: MorphModel) -> None:
    """Refuse a budget that cannot hold the first expert.

    Args:
        model: a fresh model.

    Raises:
        UsageError: ``max_bytes`` is too small.
    """
    pixels = model.gate.weight.shape[1]
    width = min(model.options.dims, pixels) + 1
    monomials = width * (width + 1) // 2 + width + 1
    tables = model.classes * (1 if model.adapting is None else 2)  # concepts, and what they were lately
    statistics = 4 * (tables * monomials + width * (pixels + 2) + pixels)
    needed = _without_memory(model) + statistics + _least(model) * model.memory.sample_bytes
    if needed > model.options.max_bytes:
        raise UsageError(
            f"max_bytes={model.options.max_bytes} is too small: one expert, its concepts and a minimal memory take "
            f"{needed} bytes; raise max_bytes, or choose a smaller expert, fewer dims or a smaller memory."
        )
    fit_budget(model)
