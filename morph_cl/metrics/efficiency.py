"""What a run cost, read off its record, so that costs are listed, stored and compared as any other figure."""

from __future__ import annotations

from morph_cl.results.record import RunRecord


def parameters(record: RunRecord) -> float:
    """Parameters of the model.

    Args:
        record: a finished run.

    Returns:
        Trainable and frozen parameters in use, a count.
    """
    return float(record.memory.parameters)


def total_bytes(record: RunRecord) -> float:
    """Bytes that the learner holds at the end: weights and buffers, stored samples, statistics.

    Args:
        record: a finished run.

    Returns:
        Bytes, counted on its state; the optimizer's state is not part of it.
    """
    return float(record.memory.total_bytes)


def train_seconds(record: RunRecord) -> float:
    """Time in training.

    Args:
        record: a finished run.

    Returns:
        Wall-clock seconds over all experiences.
    """
    return record.timing.train_seconds


def eval_seconds(record: RunRecord) -> float:
    """Time in evaluation.

    Args:
        record: a finished run.

    Returns:
        Wall-clock seconds over all experiences.
    """
    return record.timing.eval_seconds


def samples_per_second(record: RunRecord) -> float:
    """Speed of training.

    Args:
        record: a finished run.

    Returns:
        Samples of the stream, replayed ones not counted, a second of training.
    """
    return record.timing.samples_per_second
