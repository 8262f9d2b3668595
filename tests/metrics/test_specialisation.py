"""Entropy, mutual information and purity of who leads against a grouping."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import normalized_mutual_info_score

from morph_cl.metrics.specialisation import normalised_entropy, normalised_mutual_information, purity

LOG2 = math.log(2)


def test_entropy_by_hand() -> None:
    assert normalised_entropy([3, 1]) == pytest.approx((0.75 * math.log(4 / 3) + 0.25 * math.log(4)) / LOG2)
    assert normalised_entropy([5, 5, 5]) == pytest.approx(1)
    assert normalised_entropy([0, 7, 0]) == 0
    assert normalised_entropy([1, 1, 0, 0]) == pytest.approx(0.5), "two of four alike: log 2 / log 4"


@pytest.mark.parametrize("mass", [[], [4], [0, 0]])
def test_entropy_without_choice_or_mass_is_undefined(mass: list[float]) -> None:
    assert math.isnan(normalised_entropy(mass))


def test_mutual_information_by_hand() -> None:
    assert normalised_mutual_information([[5, 0], [0, 5]]) == pytest.approx(1)
    assert normalised_mutual_information([[2, 2], [3, 3]]) == pytest.approx(0)
    # Two experts for four equal labels: I = log 2, H(expert) = log 2, H(label) = log 4.
    assert normalised_mutual_information([[1, 1, 0, 0], [0, 0, 1, 1]]) == pytest.approx(2 / 3)
    assert normalised_mutual_information([[4, 4]]) == 0, "one expert tells nothing of two labels"


@pytest.mark.parametrize("table", [[], [[0, 0], [0, 0]], [[6]], [[6, 0], [0, 0]]])
def test_mutual_information_without_anything_to_tell_is_undefined(table: list[list[float]]) -> None:
    assert math.isnan(normalised_mutual_information(table))


def test_purity_by_hand() -> None:
    assert purity([[5, 1], [2, 8]]) == pytest.approx(13 / 16)
    assert purity([[1] * 5 + [0] * 5, [0] * 5 + [1] * 5]) == pytest.approx(0.2)
    assert purity([[3, 0], [0, 0]]) == 1, "an expert that never leads costs nothing"
    assert math.isnan(purity([[0, 0]]))


pairs = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5)), min_size=1, max_size=80)


def table_of(found: list[tuple[int, int]]) -> list[list[int]]:
    return [[found.count((expert, label)) for label in range(6)] for expert in range(5)]


@given(pairs)
def test_mutual_information_is_scikit_learns(found: list[tuple[int, int]]) -> None:
    experts, labels = zip(*found, strict=True)
    assume(len(set(experts)) > 1 or len(set(labels)) > 1)
    ours = normalised_mutual_information(table_of(found))
    assert ours == pytest.approx(normalized_mutual_info_score(labels, experts), abs=1e-9)


@given(pairs)
def test_figures_are_fractions_and_purity_is_one_where_experts_determine_groups(found: list[tuple[int, int]]) -> None:
    table = table_of(found)
    assert 0 < purity(table) <= 1
    assert (purity(table) == 1) == all(sum(count > 0 for count in row) <= 1 for row in table)
    assert 0 <= normalised_entropy([sum(row) for row in table]) <= 1 + 1e-12
