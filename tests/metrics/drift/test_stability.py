"""Old concepts while new ones are learned: by hand and at the edges."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morph_cl import (
    DriftPoint,
    HeldOutPoint,
    Trace,
    min_held_out_accuracy,
    stability_gap,
    worst_case_held_out_accuracy,
)

NAN = math.nan


def looked(concepts: list[int], looks: dict[int, list[float]], starts: tuple[int, ...] = (10, 20)) -> Trace:
    """A stream of 30 samples with abrupt drifts and looks at the model."""
    return Trace(
        batch_sizes=[10] * 3,
        correct=[5] * 3,
        drifts=[DriftPoint(start=start, end=start) for start in starts],
        concepts=concepts,
        held_out=[HeldOutPoint(samples=samples, accuracies=row) for samples, row in looks.items()],
    )


NOVEL = looked(
    [0, 1, 2],
    {
        5: [0.5, 0.1, 0.1],
        10: [0.9, 0.2, 0.1],
        12: [0.3, 0.5, 0.1],
        20: [0.7, 0.8, 0.1],
        24: [0.6, 0.4, 0.5],
        30: [0.65, 0.9, 0.7],
    },
)


def test_by_hand() -> None:
    # Concept 0 in segment 1: min(.9, .7) - .3; in segment 2: min(.7, .65) - .6; concept 1 there: min(.8, .9) - .4.
    assert stability_gap(NOVEL) == pytest.approx((0.4 + 0.05 + 0.4) / 3)
    assert min_held_out_accuracy(NOVEL) == pytest.approx((0.3 + 0.4) / 2)
    assert worst_case_held_out_accuracy(NOVEL) == pytest.approx(0.7 / 3 + 2 / 3 * 0.35)


def test_a_concept_that_comes_back_is_new_again() -> None:
    trace = looked([0, 1, 0], {10: [0.9, 0.1], 15: [0.2, 0.6], 20: [0.4, 0.8], 25: [0.9, 0.1], 30: [0.9, 0.5]})
    # Segment 1 has concept 0 as the old one, segment 2 concept 1 alone.
    assert stability_gap(trace) == pytest.approx((0.2 + 0.4) / 2)
    assert min_held_out_accuracy(trace) == pytest.approx(0.1), "of concept 1 only: concept 0 is the newest"
    assert worst_case_held_out_accuracy(trace) == pytest.approx(0.9 / 2 + 0.1 / 2)


def test_a_concept_is_learned_when_its_first_segment_is_over() -> None:
    looks = {8: [0.9, 0.1], 12: [0.2, 0.6], 20: [0.8, 0.7], 30: [0.7, 0.6]}
    trace = looked([0, 1, 0, 1], looks, (8, 16, 24))
    assert min_held_out_accuracy(trace) == pytest.approx(0.2), "from the second segment on, not the fourth"


def test_forgetting_is_no_gap() -> None:
    assert stability_gap(looked([0, 1], {10: [0.9, 0.1], 20: [0.5, 0.6], 30: [0.2, 0.9]}, (10,))) == 0


def test_one_concept_has_no_old_one() -> None:
    trace = looked([0], {10: [0.4], 30: [0.8]}, ())
    assert math.isnan(stability_gap(trace))
    assert math.isnan(min_held_out_accuracy(trace))
    assert worst_case_held_out_accuracy(trace) == 0.8


def test_a_drift_at_sample_0_leaves_no_old_concept() -> None:
    trace = looked([0, 1], {10: [0.4, 0.5], 30: [0.3, 0.8]}, (0,))
    assert math.isnan(stability_gap(trace))
    assert worst_case_held_out_accuracy(trace) == 0.8


@pytest.mark.parametrize("figure", [stability_gap, min_held_out_accuracy, worst_case_held_out_accuracy])
def test_what_was_not_looked_at_is_nan(figure) -> None:  # type: ignore[no-untyped-def]
    assert math.isnan(figure(Trace(batch_sizes=[10], correct=[5])))
    assert math.isnan(figure(looked([0, 1], {10: [0.9, 0.1]}, (10,))))
    assert math.isnan(figure(looked([0, 1], {10: [0.9, 0.1], 20: [NAN, NAN]}, (10,))))


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=4, max_size=15), st.data())
def test_more_looks_find_a_gap_at_least_as_deep(rows: list[tuple[float, float]], data: st.DataObject) -> None:
    looks = {10 + i: list(row) for i, row in enumerate(rows)}
    last = 9 + len(rows)
    dropped = data.draw(st.sets(st.integers(11, last - 1), max_size=len(rows)))
    fine = looked([0, 1], looks, (10,))
    coarse = looked([0, 1], {at: row for at, row in looks.items() if at not in dropped}, (10,))
    assert 0 <= stability_gap(coarse) <= stability_gap(fine) <= 1
    assert min_held_out_accuracy(fine) <= min_held_out_accuracy(coarse)
    assert worst_case_held_out_accuracy(fine) <= worst_case_held_out_accuracy(coarse)
