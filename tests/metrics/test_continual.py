"""Each figure against matrices worked out by hand, and what holds of any matrix."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morph_cl.errors import UsageError
from morph_cl.metrics import continual
from morph_cl.metrics.continual import (
    anytime_accuracy,
    average_accuracy,
    backward_transfer,
    first_minus_last,
    forgetting,
    forward_transfer,
    intransigence,
    just_learned_accuracy,
    min_accuracy,
    windowed_forgetting,
    worst_case_accuracy,
)

NAN = math.nan

HAND = [
    [0.90, 0.30, 0.10, 0.20],
    [0.60, 0.80, 0.20, 0.10],
    [0.80, 0.40, 0.70, 0.30],
    [0.50, 0.60, 0.60, 1.00],
]
"""Four experiences; the second recovers, and the first has its best row on the diagonal."""

EARLY_BEST = [
    [0.5, 0.9, 0.1],
    [0.7, 0.6, 0.2],
    [0.4, 0.5, 0.8],
]
"""The best accuracy of experience 1 was measured before it was learned, that of 0 after."""


@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        (average_accuracy, (0.5 + 0.6 + 0.6 + 1.0) / 4),
        (anytime_accuracy, (0.9 + (0.6 + 0.8) / 2 + (0.8 + 0.4 + 0.7) / 3 + 2.7 / 4) / 4),
        (just_learned_accuracy, (0.9 + 0.8 + 0.7 + 1.0) / 4),
        (forgetting, ((0.9 - 0.5) + (0.8 - 0.6) + (0.7 - 0.6)) / 3),
        (first_minus_last, ((0.9 - 0.5) + (0.8 - 0.6) + (0.7 - 0.6)) / 3),
        (backward_transfer, -(0.4 + 0.2 + 0.1) / 3),
        (min_accuracy, (0.5 + 0.4 + 0.6) / 3),
        (worst_case_accuracy, 1.0 / 4 + 3 / 4 * 0.5),
        (windowed_forgetting, (0.3 + 0.4 + 0.1) / 3),
    ],
)
def test_by_hand(figure: Callable[[continual.Matrix], float], expected: float) -> None:
    assert figure(HAND) == pytest.approx(expected)


def test_forgetting_is_best_minus_last_and_not_first_minus_last() -> None:
    assert forgetting(EARLY_BEST) == pytest.approx(((0.7 - 0.4) + (0.9 - 0.5)) / 2)
    assert first_minus_last(EARLY_BEST) == pytest.approx(((0.5 - 0.4) + (0.6 - 0.5)) / 2)


def test_forward_transfer_is_measured_from_the_untrained_model() -> None:
    initial = [0.5, 0.1, 0.2, 0.05]
    expected = ((0.3 - 0.1) + (0.2 - 0.2) + (0.3 - 0.05)) / 3
    assert forward_transfer(HAND, initial) == pytest.approx(expected)


def test_forward_transfer_without_the_untrained_model_is_undefined() -> None:
    assert math.isnan(forward_transfer(HAND, []))


def test_a_wider_window_sees_slower_drops() -> None:
    slow = [[0.9, 0, 0], [0.7, 0.8, 0], [0.5, 0.8, 0.9]]
    assert windowed_forgetting(slow, 2) == pytest.approx((0.2 + 0.0) / 2)
    assert windowed_forgetting(slow, 3) == pytest.approx((0.4 + 0.0) / 2)


def test_windowed_forgetting_is_negative_where_accuracies_only_rise() -> None:
    assert windowed_forgetting([[0.5, 0.0], [0.6, 0.9]]) == pytest.approx(-0.1)


def test_windowed_forgetting_ignores_what_came_before_an_experience() -> None:
    assert windowed_forgetting([[0.5, 0.9, 0.0], [0.5, 0.2, 0.0], [0.5, 0.2, 0.9]]) == pytest.approx(0.0)


def test_a_window_without_a_drop_is_refused() -> None:
    with pytest.raises(UsageError, match="window=1"):
        windowed_forgetting(HAND, 1)


def test_intransigence_is_the_gap_to_joint_training_on_the_diagonal() -> None:
    joint = [[0.95, 0, 0], [0, 0.85, 0], [0, 0, 0.9]]
    expected = ((0.95 - 0.5) + (0.85 - 0.6) + (0.9 - 0.8)) / 3
    assert intransigence(EARLY_BEST, joint) == pytest.approx(expected)


def test_intransigence_of_streams_of_other_lengths_is_refused() -> None:
    with pytest.raises(UsageError, match="3 experiences"):
        intransigence(EARLY_BEST, HAND)


MATRIX_FIGURES = [
    average_accuracy,
    anytime_accuracy,
    just_learned_accuracy,
    forgetting,
    first_minus_last,
    backward_transfer,
    min_accuracy,
    worst_case_accuracy,
    windowed_forgetting,
]
NEED_AN_EARLIER_ONE = [forgetting, first_minus_last, backward_transfer, min_accuracy, windowed_forgetting]


@pytest.mark.parametrize("figure", MATRIX_FIGURES)
def test_one_experience(figure: Callable[[continual.Matrix], float]) -> None:
    value = figure([[0.8]])
    if figure in NEED_AN_EARLIER_ONE:
        assert math.isnan(value)
    else:
        assert value == pytest.approx(0.8)


@pytest.mark.parametrize("figure", MATRIX_FIGURES)
def test_no_experience_is_undefined(figure: Callable[[continual.Matrix], float]) -> None:
    assert math.isnan(figure([]))


def test_forward_transfer_of_one_experience_is_undefined() -> None:
    assert math.isnan(forward_transfer([[0.8]], [0.1]))


@pytest.mark.parametrize("figure", MATRIX_FIGURES)
def test_a_matrix_that_is_not_square_is_refused(figure: Callable[[continual.Matrix], float]) -> None:
    with pytest.raises(UsageError, match="2 rows"):
        figure([[0.8], [0.7, 0.9]])


def test_initial_accuracies_of_another_length_are_refused() -> None:
    with pytest.raises(UsageError, match="2 initial"):
        forward_transfer(HAND, [0.1, 0.1])


def test_future_experiences_that_were_not_measured_matter_to_forward_transfer_alone() -> None:
    lower = [[value if j <= i else NAN for j, value in enumerate(row)] for i, row in enumerate(HAND)]
    for figure in MATRIX_FIGURES:
        assert figure(lower) == pytest.approx(figure(HAND)), figure.__name__
    assert math.isnan(forward_transfer(lower, [0.1] * 4))


def test_a_mean_never_leaves_an_experience_out() -> None:
    holed = [row[:] for row in HAND]
    holed[3][1] = NAN
    for figure in (average_accuracy, anytime_accuracy, forgetting, first_minus_last, backward_transfer):
        assert math.isnan(figure(holed)), figure.__name__
    assert just_learned_accuracy(holed) == pytest.approx(0.85)


def test_extremes_are_taken_over_what_was_measured() -> None:
    holed = [row[:] for row in HAND]
    holed[0][0] = NAN
    assert forgetting(holed) == pytest.approx(((0.8 - 0.5) + 0.2 + 0.1) / 3)
    holed[2][1] = NAN
    assert min_accuracy(holed) == pytest.approx((0.5 + 0.6 + 0.6) / 3)


accuracies = st.integers(0, 1_000).map(lambda correct: correct / 1_000)


@st.composite
def matrices(draw: st.DrawFn) -> list[list[float]]:
    size = draw(st.integers(2, 6))
    row = st.lists(accuracies, min_size=size, max_size=size)
    return draw(st.lists(row, min_size=size, max_size=size))


@given(matrices())
def test_backward_transfer_is_minus_first_minus_last(matrix: list[list[float]]) -> None:
    assert backward_transfer(matrix) == -first_minus_last(matrix)


@given(matrices())
def test_best_minus_last_is_never_below_first_minus_last(matrix: list[list[float]]) -> None:
    assert forgetting(matrix) >= first_minus_last(matrix) - 1e-12


@given(matrices())
def test_figures_stay_in_their_range(matrix: list[list[float]]) -> None:
    for figure in (
        average_accuracy,
        anytime_accuracy,
        just_learned_accuracy,
        min_accuracy,
        worst_case_accuracy,
    ):
        assert -1e-12 <= figure(matrix) <= 1 + 1e-12
    for figure in (forgetting, first_minus_last, backward_transfer, windowed_forgetting):
        assert -1 - 1e-12 <= figure(matrix) <= 1 + 1e-12
    assert -1 <= forward_transfer(matrix, matrix[0]) <= 1


@given(matrices())
def test_the_worst_case_is_never_better_than_the_end(matrix: list[list[float]]) -> None:
    assert worst_case_accuracy(matrix) <= average_accuracy(matrix) + 1e-12


@given(matrices())
def test_the_widest_window_sees_at_least_the_loss_since_learning(matrix: list[list[float]]) -> None:
    drops = [windowed_forgetting(matrix, window) for window in range(2, len(matrix) + 1)]
    assert drops == sorted(drops)
    assert drops[-1] >= first_minus_last(matrix) - 1e-12


@given(matrices())
def test_backward_transfer_links_the_end_to_the_diagonal(matrix: list[list[float]]) -> None:
    size = len(matrix)
    linked = just_learned_accuracy(matrix) + (size - 1) / size * backward_transfer(matrix)
    assert average_accuracy(matrix) == pytest.approx(linked)


@given(matrices())
def test_joint_training_is_not_intransigent_against_itself(matrix: list[list[float]]) -> None:
    assert intransigence(matrix, matrix) == 0
