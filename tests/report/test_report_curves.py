"""Forgetting curves and the heat map."""

import math
import re

from morph_cl.report import accuracy_matrix, comparison_curves, strategy_curves
from morph_cl.report.curves import MOST_LINES, chosen_experiences, experience_series
from morph_cl.report.grouping import group_records
from morph_cl.report.palette import heat_style, letter_keys

MATRIX = [[0.9, 0.3, 0.2], [0.7, 0.8, 0.3], [0.5, 0.6, 0.95]]


def test_the_average_counts_only_what_was_learned(record, render):
    text = render(comparison_curves([record("naive", matrix=MATRIX)]))
    assert "N naive 68.3" in text  # (50 + 60 + 95) / 3


def test_each_experience_starts_when_it_is_learned(record):
    lines = experience_series(group_records([record("naive", matrix=MATRIX)])[0])
    assert [line.key for line in lines] == ["1", "2", "3"]
    assert lines[0].values == (0.9, 0.7, 0.5)
    assert math.isnan(lines[1].values[0])
    assert lines[1].values[1:] == (0.8, 0.6)
    assert lines[2].measured() == [2]


def test_seeds_are_averaged_and_banded(record, render):
    other = [[value + 0.02 for value in row] for row in MATRIX]
    records = [record("naive", matrix=MATRIX, seed=0), record("naive", matrix=other, seed=1)]
    assert "N naive 69.3" in render(comparison_curves(records))
    assert "least to greatest" in render(comparison_curves(records))
    assert "least to greatest" not in render(comparison_curves(records[:1]))
    assert "1 51.0" in " ".join(render(strategy_curves(records)).replace("0°", "").split())


def test_many_experiences_are_thinned_out_and_it_says_so(record, render):
    assert chosen_experiences(MOST_LINES) == list(range(MOST_LINES))
    assert chosen_experiences(20) == [0, 5, 10, 14, 19]
    text = render(strategy_curves([record("naive", experiences=20)]))
    assert "quartiles" in text
    assert "m mean" in text
    assert "quartiles" not in render(strategy_curves([record("naive", experiences=5)]))


def test_panels_stand_side_by_side_and_share_a_scale(record, render):
    records = [record("naive"), record("morph")]
    wide = render(strategy_curves(records), 80)
    assert re.search(r"naive +morph", wide)
    assert not re.search(r"naive +morph", render(strategy_curves(records), 60))
    axis = re.findall(r"(\d+)%┤", wide)
    assert axis[0] == axis[1]


def test_keys_are_initials_where_they_are_free():
    assert letter_keys(["morph", "naive", "replay", "ewc", "mir"]) == ["M", "N", "R", "E", "I"]
    assert len(set(letter_keys(["a"] * 60))) == 60


def test_the_matrix_shows_every_entry_and_its_stairs(record, render):
    text = render(accuracy_matrix(record("naive", matrix=MATRIX)))
    rows = [line for line in text.splitlines() if re.match(r"\d ", line)]
    assert [re.sub(r" +", " ", row).strip() for row in rows] == [
        "1 0° 90│ 30 20 90",
        "2 15° 70 80│ 30 75",
        "3 30° 50 60 95│ 68",
    ]


def test_what_was_learned_is_coloured_and_the_rest_is_not(record, render):
    text = render(accuracy_matrix(record("naive", matrix=MATRIX)), colour=True)
    rows = [line for line in text.splitlines() if "│" in line]
    assert [len(re.findall(r"48;2;\d+;\d+;\d+m +\d\d", row)) for row in rows] == [1, 2, 3]
    assert heat_style(-1) == heat_style(0)
    assert heat_style(2) == heat_style(1)
    assert heat_style(0) != heat_style(1)


def test_twenty_experiences_fit_80_columns_in_one_block_and_60_in_two(record, render):
    made = record("naive", experiences=20)
    wide, narrow = render(accuracy_matrix(made), 80), render(accuracy_matrix(made), 60)
    assert sum(bool(re.match(r" 1 ", line)) for line in wide.splitlines()) == 1
    assert sum(bool(re.match(r" 1[ │]", line)) for line in narrow.splitlines()) == 2
    assert len(re.findall(r"\b\d\d?\b", wide.split("avg")[1])) >= 400


def test_a_full_hundred_is_explained_where_it_does_not_fit(record, render):
    full = [[1.0] * 20 for _ in range(20)]
    assert "99 and more" in render(accuracy_matrix(record("naive", matrix=full)), 80)
    small = render(accuracy_matrix(record("naive", matrix=[[1.0]])), 80)
    assert "100│" in small
    assert "99 and more" not in small


def test_unmeasured_entries_and_long_matrices(record, render):
    holes = [[0.9, math.nan], [math.nan, 0.8]]
    assert "--" in render(accuracy_matrix(record("naive", matrix=holes)))
    text = render(accuracy_matrix(record("naive", experiences=70)), 120)
    assert "one experience in 3 is shown" in text
