"""Runs held against joint training on the same stream."""

from __future__ import annotations

import math
from collections.abc import Iterable

from morph_cl.metrics.continual import intransigence
from morph_cl.results.record import RunRecord

JOINT = "joint"
"""The strategy that trains on all data so far."""


def same_stream(record: RunRecord, other: RunRecord) -> bool:
    """Whether two runs saw the same experiences.

    Args:
        record: a run.
        other: another run.

    Returns:
        True where scenario, setting, options, experiences, details, data, validation split and seed agree.
    """
    return _stream_of(record) == _stream_of(other)


def _stream_of(record: RunRecord) -> tuple[object, ...]:
    """What makes a stream; the preset does not, since its options are there."""
    info = record.scenario_info
    data = (record.dataset_info.checksum, record.config.validation, record.seed)
    return (info.name, info.setting, info.options, info.experiences, info.detail, *data)


def joint_of(record: RunRecord, records: Iterable[RunRecord]) -> RunRecord | None:
    """The joint run on a run's stream.

    Args:
        record: the run to hold against it.
        records: where to look.

    Returns:
        The first fitting run of the strategy ``joint``, or None.
    """
    return next((other for other in records if other.strategy == JOINT and same_stream(record, other)), None)


def record_intransigence(record: RunRecord, joint: RunRecord | None) -> float:
    """Intransigence of a run against joint training on its stream.

    Args:
        record: a finished run.
        joint: the joint run, as :func:`joint_of` finds it.

    Returns:
        A fraction in [-1, 1]; NaN where there is no joint run or it saw another stream.

    Source:
        Chaudhry et al., Riemannian Walk for Incremental Learning, ECCV 2018.
    """
    if joint is None or not same_stream(record, joint):
        return math.nan
    return intransigence(record.accuracy_matrix, joint.accuracy_matrix)
