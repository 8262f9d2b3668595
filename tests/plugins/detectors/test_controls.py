"""The oracle and the periodic control go by positions alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morph_cl import UsageError


@given(st.lists(st.integers(1, 400), unique=True, max_size=6).map(sorted), st.integers(1, 50))
def test_the_oracle_alarms_at_the_first_sample_at_or_behind_each_drift(make, points, step):
    detector = make("oracle", at=points)
    seen = []
    for position in range(0, 500, step):
        detector.update(float(position))
        if detector.drift_detected:
            seen.append(position)
            detector.reset()
    assert seen == sorted({-(-point // step) * step for point in points if -(-point // step) * step < 500})


@given(st.integers(1, 60))
def test_the_periodic_control_alarms_at_every_multiple(make, alarms, every):
    assert alarms(make("periodic", every=every), range(300)) == list(range(every, 300, every))


@pytest.mark.parametrize("name", ["oracle", "periodic"])
def test_a_clock_is_not_turned_back_by_a_reset(name, make, alarms):
    options = {"at": [10]} if name == "oracle" else {"every": 10}
    detector = make(name, **options)
    alarms(detector, [5, 12])
    other = make(name, **options)
    other.load(detector.export())
    assert alarms(detector, [13, 14]) == alarms(other, [13, 14]) == []


@pytest.mark.parametrize(("at", "message"), [([5, 3], "must rise"), ([3, 3], "must rise"), ([0], "at.0")])
def test_positions_out_of_order_are_refused(at, message, make):
    with pytest.raises(UsageError, match=message):
        make("oracle", at=at)
