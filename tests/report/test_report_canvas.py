"""The raster, the axes and the line plot."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morph_cl.report.ascii import EncodingSafe
from morph_cl.report.axes import accuracy_scale, spread_columns, spread_rows, tick_numbers
from morph_cl.report.canvas import Canvas
from morph_cl.report.plot import LinePlot, Series

GOLDEN = """\
two lines
100%┤⠉⠒A⢄⡀
    │    ⠈⠉⠒⠤⣀⡀
 80%┤⠒⠤⣀⡀     ⠈⠑⠒A⠤⢄⣀⡀
    │   ⠈⠑⠒⠤B        ⠈⠉⠑⠒⠢⠤ A a 70.0
 60%┤        ⠉⠑⠢⠤⢄⣀⡀
    │              ⠈⠉⠑B⠢⠤⢄⣀ B b 50.0
 40%┤
    └┴──────────┴─────────┴
     1          2         3
"""

GOLDEN_ASCII = """\
two lines
100%+aaA
    |   aaaaa
 80%+bbb     aaaaAaaa
    |   bbbbB        aaaaaa A a 70.0
 60%+        bbbbbbbb
    |                bBbbbb B b 50.0
 40%+
    ++---------+----------+
     1         2          3
"""


def plain(canvas):
    return [line.plain for line in canvas.lines()]


def test_braille_dots_have_their_unicode_places():
    canvas = Canvas(1, 1)
    expected = {
        (0, 3): 0x2801,
        (0, 2): 0x2802,
        (0, 1): 0x2804,
        (1, 3): 0x2808,
        (1, 2): 0x2810,
        (1, 1): 0x2820,
    }
    expected |= {(0, 0): 0x2840, (1, 0): 0x2880}
    for (x, y), code in expected.items():
        canvas = Canvas(1, 1)
        canvas.dot(x, y)
        assert plain(canvas) == [chr(code)]


def test_a_dot_outside_is_left_out():
    canvas = Canvas(2, 2)
    for x, y in ((-1, 0), (0, -1), (4, 0), (0, 8)):
        canvas.dot(x, y)
    canvas.write(1, 5, "x")
    assert plain(canvas) == ["  ", "  "]


@given(st.tuples(*[st.integers(0, 19)] * 4))
def test_a_line_has_both_ends_and_no_gap(points):
    x, y, last_x, last_y = points
    canvas = Canvas(20, 20, ascii_only=True)
    canvas.line((x, y), (last_x, last_y), glyph="#")
    drawn = {(column, 19 - row) for row, line in enumerate(plain(canvas)) for column, c in enumerate(line) if c == "#"}
    assert {(x, y), (last_x, last_y)} <= drawn
    assert len(drawn) == max(abs(last_x - x), abs(last_y - y)) + 1


def test_cells_keep_the_colour_of_the_last_series():
    canvas = Canvas(2, 1)
    canvas.line((0, 0), (3, 0), "red")
    canvas.line((2, 3), (3, 3), "blue")
    assert [str(span.style) for span in canvas.lines()[0].spans] == ["red", "blue"]


@given(st.lists(st.floats(0, 1) | st.just(math.nan), max_size=20), st.integers(3, 30))
def test_the_scale_holds_every_value_at_round_equal_ticks(values, rows):
    scale = accuracy_scale(values, rows)
    measured = [value for value in values if not math.isnan(value)]
    assert all(scale.low - 1e-9 <= value <= scale.high + 1e-9 for value in measured)
    assert scale.low >= -1e-9
    assert scale.high <= 1 + 1e-9
    ticks = scale.ticks()
    assert ticks[-1] == pytest.approx(scale.high)
    assert all(round(100 * tick) == pytest.approx(100 * tick) for tick in ticks)
    cells = [scale.pixel(tick, rows) for tick in ticks]
    assert len({after - before for before, after in pairwise(cells)}) == 1


@given(st.integers(1, 300), st.integers(8, 150))
def test_numbers_of_the_axis_never_touch(count, width):
    columns = spread_columns(count, width)
    assert columns == sorted(columns)
    numbers = tick_numbers(columns, width)
    ends = -1
    for number in numbers:
        start = min(columns[number - 1], width - len(str(number)))
        assert start > ends
        ends = start + len(str(number))
    assert numbers[0] == 1


@given(st.lists(st.integers(0, 11), max_size=12))
def test_labels_get_rows_of_their_own_in_order(wanted):
    rows = spread_rows(sorted(wanted), 12)
    assert rows == sorted(set(rows))
    assert all(0 <= row < 12 for row in rows)
    if len(set(wanted)) == len(wanted):
        assert rows == sorted(wanted)


def test_a_small_figure(render):
    lines = [
        Series("A", "a", (1.0, 0.8, 0.7), note="70.0"),
        Series("B", "b", (0.8, 0.6, 0.5), note="50.0"),
    ]
    plot = LinePlot(lines, title="two lines", rows=7)
    text = render(plot, 36)
    assert [line.rstrip() for line in text.splitlines()] == GOLDEN.splitlines()
    in_ascii = render(EncodingSafe(plot, ascii_only=True), 36)
    assert [line.rstrip() for line in in_ascii.splitlines()] == GOLDEN_ASCII.splitlines()


@given(
    st.lists(st.lists(st.floats(0, 1) | st.just(math.nan), min_size=4, max_size=4), min_size=1, max_size=5),
    st.integers(30, 90),
    st.booleans(),
)
def test_every_measured_line_carries_its_key(render, curves, width, ascii_only):
    series = [Series(key, f"name-{key}", tuple(values)) for key, values in zip("ABCDE", curves, strict=False)]
    text = render(LinePlot(series, rows=9), width)
    canvas = "\n".join(line.split("┤")[-1].split("│")[-1].split(" name")[0] for line in text.splitlines()[:9])
    for line in series:
        assert f"name-{line.key}" in text or not line.measured()
        if line.measured():
            assert line.key in canvas


def test_what_was_not_measured_breaks_the_line(render):
    joined = render(LinePlot([Series("A", "", (0.5, 0.5, 0.5))], rows=5), 40)
    broken = render(LinePlot([Series("A", "", (0.5, math.nan, 0.5))], rows=5), 40)

    def dots(text):
        return sum("\u2800" < char < "\u2900" for char in text)

    assert dots(joined) > 20
    assert dots(broken) <= 2


def test_a_band_is_shaded_only_where_seeds_differ(render):
    line = (0.5, 0.6, 0.7)
    with_band = Series("A", "", line, low=(0.4, 0.5, 0.6), high=(0.6, 0.7, 0.8))
    scale = accuracy_scale([0.0, 1.0], 13)
    alone = render(LinePlot([Series("A", "", line)], rows=13, scale=scale), 40)
    banded = render(LinePlot([with_band], rows=13, scale=scale), 40)
    braille = [sum("\u2800" < char < "\u2900" for char in text) for text in (alone, banded)]
    assert braille[1] > 1.5 * braille[0]


def test_too_narrow_says_so(render):
    text = render(LinePlot([Series("A", "a", (0.5,), note="50.0")], rows=5), 20)
    assert "need 24" in text.replace("\n", " ")
    assert "A a 50.0" in text
