"""The choice of learning rates."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morph_cl.study.protocol import measured_entries, validation_entries
from morph_cl.study.rates import choose_rate
from morph_cl.study.settings import DriftStudyConfig

RUNS = st.lists(st.tuples(st.sampled_from([1e-4, 1e-3, 1e-2]), st.floats(0, 1)), min_size=1, max_size=12)


@given(RUNS, st.randoms())
def test_the_best_mean_wins_in_whatever_order_runs_come(runs, shuffler):
    choice = choose_rate("mlp", runs)
    assert choice.accuracies[choice.chosen] == max(choice.accuracies.values())
    shuffled = list(runs)
    shuffler.shuffle(shuffled)
    assert choose_rate("mlp", shuffled).accuracies == pytest.approx(choice.accuracies)


def test_of_equal_ones_the_lowest_is_taken_and_a_broken_one_never():
    assert choose_rate("mlp", [(1e-2, 0.8), (1e-3, 0.8), (1e-4, math.nan)]).chosen == 1e-3


def test_a_choice_at_the_edge_of_the_grid_says_so():
    runs = [(1e-4, 0.1), (1e-3, 0.9), (1e-2, 0.2)]
    assert not choose_rate("mlp", runs).at_edge
    assert choose_rate("mlp", runs[:2]).at_edge
    assert not choose_rate("mlp", runs[:1]).at_edge


def test_rates_are_chosen_on_validation_seeds_over_all_presets():
    config = DriftStudyConfig(presets=["abrupt", "steady"], strategies=["mlp", "morph"], seeds=[0, 1], lrs=[1e-3, 1e-2])
    chosen_by = validation_entries(config)
    assert {entry.contestant for entry in chosen_by} == {"mlp"}
    assert {entry.seed for entry in chosen_by} == {10, 11}
    assert len(chosen_by) == len(set(chosen_by)) == 2 * 2 * 2
    measured = measured_entries(config, {"mlp": 1e-2})
    assert {entry.seed for entry in measured} == {0, 1}
    assert {(entry.contestant, entry.lr) for entry in measured} == {("mlp", 1e-2), ("morph", None)}


def test_one_rate_alone_needs_no_choice_and_a_missing_one_leaves_its_contestant_out():
    assert validation_entries(DriftStudyConfig(lrs=[1e-3])) == []
    assert {entry.contestant for entry in measured_entries(DriftStudyConfig(), {"der": 1e-3})} == {"der", "morph"}
