"""The contract of what a strategy tells of its experts and measures of itself."""

from __future__ import annotations

import math
from typing import Any

import torch

from morph_cl.bridge.inspection import LabelledBatch, labelled_batches
from morph_cl.bridge.stream import Stream
from morph_cl.testing.findings import Subject

_BATCH = 16
_ROUNDING = 1e-3


def check_inspection(subject: Subject, strategy: Any, stream: Stream) -> None:
    """Check names, weights and final figures of a trained strategy; one that tells none of them passes.

    Args:
        subject: the record under check.
        strategy: the strategy, trained on the stream.
        stream: the stream.

    Raises:
        CheckError: what is wrong.
    """
    strategy.model.eval()
    if hasattr(strategy, "expert_names"):
        _check_batch_weights(subject, strategy)
        for batch in labelled_batches(stream, _BATCH):
            _check_weights(subject, strategy, batch)
            _check_assigned(subject, strategy, batch)
    if hasattr(strategy, "final_figures"):
        _check_figures(subject, strategy, stream)


def _check_batch_weights(subject: Subject, strategy: Any) -> None:
    weights, count = strategy.batch_expert_weights(), len(strategy.expert_names)
    subject.require(
        weights is None or tuple(weights.shape) == (count,),
        f"batch_expert_weights returns {_shape(weights)}; return ({count},), one for each of expert_names, or None.",
    )


def _check_weights(subject: Subject, strategy: Any, batch: LabelledBatch) -> None:
    count = len(strategy.expert_names)
    weights = subject.attempt("expert_weights", strategy.expert_weights, batch.x, batch.task)
    if weights is None:
        subject.require(not count, "expert_weights returns None though it has expert_names; return (batch, experts).")
        return
    subject.require(
        tuple(weights.shape) == (len(batch.x), count),
        f"expert_weights returns {_shape(weights)}; return ({len(batch.x)}, {count}), a column for each of "
        "expert_names.",
    )
    sums = weights.sum(1)
    subject.require(
        bool((weights >= 0).all()) and torch.allclose(sums, torch.ones_like(sums), atol=_ROUNDING),
        "expert_weights has rows that are negative or do not sum to 1; normalise them.",
    )
    again = strategy.expert_weights(batch.x, batch.task)
    subject.require(torch.equal(weights, again), "expert_weights differs when asked twice; draw no random numbers.")


def _check_assigned(subject: Subject, strategy: Any, batch: LabelledBatch) -> None:
    assigned, count = strategy.assigned_experts(batch.y), len(strategy.expert_names)
    if assigned is None:
        return
    subject.require(
        tuple(assigned.shape) == tuple(batch.y.shape) and bool(((assigned >= -1) & (assigned < count)).all()),
        f"assigned_experts returns {_shape(assigned)} with values {sorted(set(assigned.flatten().tolist()))}; return "
        f"one of -1..{count - 1} for each label.",
    )


def _check_figures(subject: Subject, strategy: Any, stream: Stream) -> None:
    batches = labelled_batches(stream, _BATCH)
    with torch.no_grad():
        figures = subject.attempt("final_figures", strategy.final_figures, batches)
    for name, value in figures.items():
        subject.require(
            isinstance(value, float) and not math.isinf(value),
            f"final figure {name!r} is {value!r}; return a float, NaN where it is undefined.",
        )


def _shape(value: Any) -> str:
    return f"shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else type(value).__name__
