"""Alarms judged by drifts: by hand, at the edges, and for any trace."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morph_cl import Blip, DriftPoint, Trace, UsageError, judge_alarms


def at(*starts: int, mixing: int = 0) -> list[DriftPoint]:
    return [DriftPoint(start=start, end=start + mixing) for start in starts]


@pytest.fixture
def stream() -> Callable[..., Trace]:
    """A stream of 1,000 samples in batches of 10."""
    return lambda **fields: Trace(batch_sizes=[10] * 100, correct=[5] * 100, **fields)


def test_by_hand(stream: Callable[..., Trace]) -> None:
    # Drifts at 200 (answered at 219, again at 239), 500 (missed) and 800 (answered at 809); false: 99, 619.
    found = judge_alarms(stream(drifts=at(200, 500, 800), alarms=[99, 219, 239, 619, 809]), tolerance=100)
    assert found.delays[0] == 20
    assert math.isnan(found.delays[1])
    assert found.delays[2] == 10
    assert (found.false_alarms, found.repeats, found.detected) == ((99, 619), 1, 2)
    assert found.segments == (300, 300, 200)
    assert found.quiet_samples == 700
    assert found.missed_rate == pytest.approx(1 / 3)
    assert found.mean_delay == 15
    assert found.normalised_delay == pytest.approx((20 / 300 + 10 / 200) / 2)
    assert found.false_alarms_per_1000 == pytest.approx(2000 / 700)
    assert found.mean_time_between_false_alarms == 350
    assert found.mean_time_ratio == pytest.approx(350 / 15 * (2 / 3))
    assert found.f1 == pytest.approx(2 * 2 / (2 * 2 + 2 + 1))


def test_no_alarm(stream: Callable[..., Trace]) -> None:
    found = judge_alarms(stream(drifts=at(200, 500)), tolerance=100)
    assert (found.missed_rate, found.mean_time_ratio, found.f1, found.false_alarms_per_1000) == (1, 0, 0, 0)
    assert math.isnan(found.mean_delay)
    assert math.isnan(found.normalised_delay)
    assert found.mean_time_between_false_alarms == 800, "at least all quiet samples"


def test_no_drift(stream: Callable[..., Trace]) -> None:
    found = judge_alarms(stream(alarms=[499]), tolerance=100)
    assert (found.false_alarms_per_1000, found.mean_time_between_false_alarms, found.f1) == (1, 1000, 0)
    assert all(math.isnan(value) for value in (found.missed_rate, found.mean_delay, found.mean_time_ratio))


def test_neither_drift_nor_alarm(stream: Callable[..., Trace]) -> None:
    found = judge_alarms(stream(), tolerance=100)
    assert math.isnan(found.f1)
    assert found.mean_time_between_false_alarms == 1000


def test_no_quiet_sample(stream: Callable[..., Trace]) -> None:
    found = judge_alarms(stream(drifts=at(0), alarms=[9]), tolerance=1000)
    assert (found.quiet_samples, found.delays, found.missed_rate, found.f1) == (0, (10,), 0, 1)
    assert math.isnan(found.false_alarms_per_1000)
    assert math.isnan(found.mean_time_between_false_alarms)
    assert math.isnan(found.mean_time_ratio)


def test_the_batch_before_a_drift_raises_a_false_alarm(stream: Callable[..., Trace]) -> None:
    found = judge_alarms(stream(drifts=at(200), alarms=[199]), tolerance=100)
    assert (found.false_alarms, found.missed_rate) == ((199,), 1)


def test_a_drift_within_a_batch_can_be_detected_by_that_batch(stream: Callable[..., Trace]) -> None:
    found = judge_alarms(stream(drifts=at(205), alarms=[209]), tolerance=100)
    assert found.delays == (5,)


@pytest.mark.parametrize(("alarm", "delay"), [(200, 1), (299, 100), (300, math.nan)])
def test_where_a_window_starts_and_ends(stream: Callable[..., Trace], alarm: int, delay: float) -> None:
    found = judge_alarms(stream(drifts=at(200), alarms=[alarm]), tolerance=100)
    assert found.delays == pytest.approx((delay,), nan_ok=True)


def test_a_slow_drift_is_detected_from_its_start_until_after_its_end(stream: Callable[..., Trace]) -> None:
    slow = at(200, mixing=300)
    assert judge_alarms(stream(drifts=slow, alarms=[209]), tolerance=100).delays == (10,)
    assert judge_alarms(stream(drifts=slow, alarms=[599]), tolerance=100).delays == (400,)
    assert judge_alarms(stream(drifts=slow, alarms=[600]), tolerance=100).false_alarms == (600,)


def test_an_alarm_after_two_drifts_is_the_later_one_s(stream: Callable[..., Trace]) -> None:
    found = judge_alarms(stream(drifts=at(200, 250), alarms=[259]), tolerance=100)
    assert found.delays == pytest.approx((math.nan, 10), nan_ok=True)
    assert found.quiet_samples == 1000 - 50 - 100


def test_alarms_for_blips_are_false(stream: Callable[..., Trace]) -> None:
    blips = [Blip(start=100, end=130), Blip(start=500, end=530), Blip(start=205, end=210)]
    found = judge_alarms(stream(drifts=at(200), blips=blips, alarms=[119, 629, 209]), tolerance=100)
    assert (found.false_alarms, found.blips_alarmed, found.delays) == ((119, 629), 2, (10,))
    assert judge_alarms(stream(blips=blips, alarms=[630]), tolerance=100).blips_alarmed == 0


def test_growths_are_judged_as_alarms_are(stream: Callable[..., Trace]) -> None:
    trace = stream(drifts=at(200), alarms=[1], growths=[219])
    assert judge_alarms(trace, 100, trace.growths).delays == (20,)


def test_a_window_without_samples_is_refused(stream: Callable[..., Trace]) -> None:
    with pytest.raises(UsageError, match="tolerance=0"):
        judge_alarms(stream(), tolerance=0)


@given(st.data(), st.integers(1, 60), st.randoms(use_true_random=False))
def test_order_and_copies_of_alarms_do_not_matter(
    any_trace: st.SearchStrategy[Trace], data: st.DataObject, tolerance: int, order: random.Random
) -> None:
    trace = data.draw(any_trace)
    shuffled = [*trace.alarms, *trace.alarms]
    order.shuffle(shuffled)
    assert repr(judge_alarms(trace, tolerance, shuffled)) == repr(judge_alarms(trace, tolerance))


@given(st.data(), st.integers(1, 60))
def test_every_alarm_is_one_thing(any_trace: st.SearchStrategy[Trace], data: st.DataObject, tolerance: int) -> None:
    trace = data.draw(any_trace)
    found = judge_alarms(trace, tolerance)
    assert found.detected + found.repeats + len(found.false_alarms) == len(set(trace.alarms))
    assert 0 <= found.quiet_samples <= trace.samples
    assert all(
        math.isnan(delay) or 1 <= delay <= segment for delay, segment in zip(found.delays, found.segments, strict=True)
    )
    assert sum(found.segments) <= trace.samples
    if trace.drifts:
        assert 0 <= found.f1 <= 1


@given(st.data(), st.integers(1, 60), st.integers(1, 50))
def test_a_quiet_start_shifts_all(
    any_trace: st.SearchStrategy[Trace], data: st.DataObject, tolerance: int, quiet: int
) -> None:
    trace = data.draw(any_trace)
    later = Trace(
        batch_sizes=[quiet, *trace.batch_sizes],
        correct=[0, *trace.correct],
        alarms=[alarm + quiet for alarm in trace.alarms],
        drifts=[d.model_copy(update={"start": d.start + quiet, "end": d.end + quiet}) for d in trace.drifts],
    )
    found, expected = judge_alarms(later, tolerance), judge_alarms(trace, tolerance)
    assert found.delays == pytest.approx(expected.delays, nan_ok=True)
    assert found.false_alarms == tuple(alarm + quiet for alarm in expected.false_alarms)
    assert found.quiet_samples == expected.quiet_samples + quiet
