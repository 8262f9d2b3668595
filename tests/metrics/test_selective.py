"""Risk against coverage."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morph_cl import aurc, risk_at, risk_coverage

ANSWERS = st.lists(st.tuples(st.sampled_from([0.2, 0.5, 0.9, 1.0]), st.booleans()), min_size=1, max_size=40)


def columns(answers):
    return [confidence for confidence, _ in answers], [right for _, right in answers]


def test_the_curve_counts_wrong_answers_from_the_most_confident_one_on():
    assert risk_coverage([0.5, 0.9, 0.7, 0.8], [False, True, False, True]) == [0, 0, pytest.approx(1 / 3), 0.5]
    assert aurc([0.5, 0.9, 0.7, 0.8], [False, True, False, True]) == pytest.approx((1 / 3 + 0.5) / 4)


@given(ANSWERS, st.integers(0, 99))
def test_the_order_of_the_images_does_not_matter(answers, seed):
    shuffled = random.Random(seed).sample(answers, len(answers))
    assert risk_coverage(*columns(shuffled)) == risk_coverage(*columns(answers))


@given(ANSWERS)
def test_the_area_lies_between_the_best_order_and_the_worst(answers):
    confidence, right = columns(answers)
    best, worst = aurc([float(hit) for hit in right], right), aurc([float(not hit) for hit in right], right)
    assert best - 1e-12 <= aurc(confidence, right) <= worst + 1e-12
    assert risk_coverage(confidence, right)[-1] == pytest.approx(right.count(False) / len(right))


def test_all_alike_are_the_overall_risk_at_any_coverage():
    risks = risk_coverage([0.5] * 4, [True, False, True, True])
    assert risks == [0.25] * 4


def test_a_coverage_is_rounded_up_to_whole_images():
    risks = [number / 100 for number in range(10)]
    assert [risk_at(risks, share) for share in (0.01, 0.1, 0.11, 0.7, 1.0)] == [0.0, 0.0, 0.01, 0.06, 0.09]


def test_no_answer_has_no_risk():
    assert risk_coverage([], []) == []
    assert math.isnan(aurc([], []))
    assert math.isnan(risk_at([], 0.5))
