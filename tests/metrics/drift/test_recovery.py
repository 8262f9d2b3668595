"""What drifts do to accuracy: by hand, at the edges, against the definition read literally, and for any trace."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morph_cl import Blip, DriftPoint, Trace, UsageError, measure_recoveries
from morph_cl.metrics.drift.recovery import RecoveryRule

RULE = RecoveryRule(window=20, eps=0.1, windows=2, reference=40)
ABRUPT = DriftPoint(start=50, end=50)


def one(trace: Trace, rule: RecoveryRule = RULE) -> tuple[float, float, bool, float, float]:
    (found,) = measure_recoveries(trace, rule)
    return found.level, found.samples, found.censored, found.maximum_drop, found.area_lost


def test_by_hand(tens: Callable[..., Trace]) -> None:
    trace = tens(0, 9, 9, 8, 10, 2, 4, 6, 8, 9, 9, 7, 8, 9, 9, drifts=[ABRUPT])
    # The level is (9 + 9 + 8 + 10) / 40. Windows from the drift: .3 .5 .7 .85 .9 .8 .75 .85 .9. Two in a row of at
    # least .8: .85 and .8, the batches 8..9 and 10..11; they begin with batch 8, which ends at 90.
    # Windows that follow each other: 6, 14, 18, 15 and 18 right, where the level has 18.
    level, samples, censored, drop, area = one(trace)
    assert level == pytest.approx(0.9)
    assert (samples, censored) == (40, False)
    assert drop == pytest.approx(0.9 - 0.3)
    assert area == pytest.approx(12 + 4 + 0 + 3 + 0)


def test_who_does_not_fall_is_back_after_a_batch(tens: Callable[..., Trace]) -> None:
    assert one(tens(*[9] * 12, drifts=[ABRUPT])) == pytest.approx((0.9, 10, False, 0, 0))


def test_who_gets_better_loses_nothing(tens: Callable[..., Trace]) -> None:
    assert one(tens(*[5] * 5, *[9] * 6, drifts=[ABRUPT])) == pytest.approx((0.5, 10, False, 0, 0))


def test_who_is_not_back_is_censored(tens: Callable[..., Trace]) -> None:
    assert one(tens(*[9] * 5, *[5] * 6, 9, 9, drifts=[ABRUPT])) == pytest.approx((0.9, 80, True, 0.4, 24))


def test_one_good_window_is_not_enough(tens: Callable[..., Trace]) -> None:
    trace = tens(*[9] * 5, 3, 9, 9, 3, 3, 9, 9, 9, 9, drifts=[ABRUPT])
    assert one(trace)[1] == 60, "two good windows begin with the batch that ends at 110"
    assert one(trace, RecoveryRule(window=20, eps=0.1, windows=1, reference=40))[1] == 20


def test_a_poor_batch_that_a_window_makes_up_for_is_no_recovery(tens: Callable[..., Trace]) -> None:
    # From 50 on: (7 + 9) / 20, the level less eps. But .7, of the batch that ends at 60, is below: the next one counts.
    assert one(tens(*[9] * 5, 7, *[9] * 5, drifts=[ABRUPT]))[1:3] == (20, False)


def test_at_eps_below_the_level_is_back(tens: Callable[..., Trace]) -> None:
    assert one(tens(*[8] * 5, *[7] * 5, drifts=[ABRUPT]))[1:3] == (10, False)


def test_the_next_drift_ends_the_wait(tens: Callable[..., Trace]) -> None:
    trace = tens(*[9] * 5, *[2] * 5, *[9] * 5, drifts=[ABRUPT, DriftPoint(start=100, end=100)])
    first, second = measure_recoveries(trace, RULE)
    assert (first.samples, first.censored) == (50, True)
    assert (second.level, second.samples) == (pytest.approx(0.2), 10)


def test_a_slow_drift_is_over_when_the_new_concept_is_alone(tens: Callable[..., Trace]) -> None:
    trace = tens(*[9] * 5, 9, 8, 3, 3, 5, 9, 9, 9, 9, drifts=[DriftPoint(start=50, end=80, kind="gradual")])
    # Recovery counts from 80: .4, .7, .9, .9, the third window from 100 on. The drop (3 + 3) / 20 and the loss count
    # from 50: 17, 6, 14, 18 and 9.
    assert one(trace) == pytest.approx((0.9, 30, False, 0.6, 1 + 12 + 4 + 0 + 0))


def test_a_drift_that_turns_until_the_end_has_no_recovery(tens: Callable[..., Trace]) -> None:
    level, samples, censored, drop, area = one(
        tens(*[9] * 5, *[6] * 4, drifts=[DriftPoint(start=50, end=90, kind="incremental")])
    )
    assert math.isnan(samples)
    assert not censored
    assert (level, drop, area) == pytest.approx((0.9, 0.3, 12))


def test_a_segment_shorter_than_k_windows_has_no_recovery(tens: Callable[..., Trace]) -> None:
    level, samples, censored, drop, area = one(tens(*[9] * 5, 9, 9, 9, drifts=[ABRUPT]))
    assert math.isnan(samples)
    assert not censored
    assert (level, drop, area) == pytest.approx((0.9, 0, 0))


def test_a_drift_in_the_last_batch_has_no_figure_but_its_level(tens: Callable[..., Trace]) -> None:
    level, samples, censored, drop, area = one(tens(*[9] * 5, 9, drifts=[DriftPoint(start=55, end=55)]))
    assert level == pytest.approx(0.9)
    assert not censored
    assert all(math.isnan(value) for value in (samples, drop, area))


def test_a_drift_at_sample_0_has_no_level(tens: Callable[..., Trace]) -> None:
    level, samples, censored, drop, area = one(tens(*[9] * 9, drifts=[DriftPoint(start=0, end=0)]))
    assert all(math.isnan(value) for value in (level, samples, drop, area))
    assert not censored


def test_a_batch_that_a_drift_cuts_is_on_neither_side(tens: Callable[..., Trace]) -> None:
    trace = tens(*[9] * 5, 0, 9, 9, 9, 9, drifts=[DriftPoint(start=53, end=53)])
    assert one(trace) == pytest.approx((0.9, 17, False, 0, 0)), "the first whole batch ends at 70"


def test_the_level_is_of_the_old_concept_alone(tens: Callable[..., Trace]) -> None:
    drifts = [DriftPoint(start=10, end=30, kind="gradual"), ABRUPT]
    assert measure_recoveries(tens(9, 1, 1, 6, 7, *[7] * 5, drifts=drifts), RULE)[1].level == pytest.approx(0.65)


def test_a_blip_is_not_part_of_the_level(tens: Callable[..., Trace]) -> None:
    trace = tens(9, 9, 8, 9, 0, *[9] * 5, drifts=[ABRUPT], blips=[Blip(start=42, end=45)])
    assert one(trace)[0] == pytest.approx(35 / 40)


def test_the_level_takes_one_batch_at_least() -> None:
    trace = Trace(batch_sizes=[100, 100, 50, 50], correct=[20, 90, 45, 45], drifts=[DriftPoint(start=200, end=200)])
    assert one(trace)[:2] == pytest.approx((0.9, 50))


@pytest.mark.parametrize(
    "change", [{"window": 0}, {"windows": 0}, {"reference": 0}, {"eps": -0.1}, {"eps": 1.0}, {"eps": math.nan}]
)
def test_a_rule_out_of_range_is_refused(change: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=f"{next(iter(change))}="):
        RecoveryRule(**change)  # type: ignore[arg-type]


def literal_recovery(hits: list[int], start: int, end: int, level: float, rule: RecoveryRule) -> int | None:
    """The definition for batches of one sample, window by window."""
    for first in range(start, end - rule.windows * rule.window + 1):
        spans = [first + k * rule.window for k in range(rule.windows)]
        enough = hits[first] >= level - rule.eps - 1e-9
        if enough and all(sum(hits[s : s + rule.window]) / rule.window >= level - rule.eps - 1e-9 for s in spans):
            return first + 1 - start
    return None


@given(st.lists(st.integers(0, 1), min_size=12, max_size=80), st.integers(1, 6), st.integers(1, 3), st.data())
def test_single_samples_follow_the_definition(hits: list[int], window: int, windows: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(1, len(hits) - 1))
    rule = RecoveryRule(window=window, eps=0.2, windows=windows, reference=data.draw(st.integers(1, 20)))
    trace = Trace(batch_sizes=[1] * len(hits), correct=hits, drifts=[DriftPoint(start=start, end=start)])
    level, samples, censored, drop, _ = one(trace, rule)
    before = hits[max(start - rule.reference, 0) : start]
    assert level == pytest.approx(sum(before) / len(before))
    rest = len(hits) - start
    expected = literal_recovery(hits, start, len(hits), level, rule)
    if rest < window * windows:
        assert math.isnan(samples)
    else:
        assert (samples, censored) == (rest if expected is None else expected, expected is None)
    lows = [sum(hits[s : s + window]) / window for s in range(start, len(hits) - window + 1)]
    assert drop == pytest.approx(max(level - min(lows), 0) if lows else math.nan, nan_ok=True)


@given(st.data(), st.integers(1, 12), st.integers(1, 3))
def test_bounds_and_what_eps_does(
    any_trace: st.SearchStrategy[Trace], data: st.DataObject, window: int, windows: int
) -> None:
    trace = data.draw(any_trace)
    strict, loose = (RecoveryRule(window=window, eps=eps, windows=windows, reference=15) for eps in (0.1, 0.4))
    for hard, easy, end in zip(
        measure_recoveries(trace, strict), measure_recoveries(trace, loose), trace.segment_ends, strict=True
    ):
        assert hard.measured == easy.measured
        if hard.measured:
            first = bisect_left(trace.edges, hard.drift.end)
            assert trace.batch_sizes[first] <= trace.edges[first + 1] - hard.drift.end <= easy.samples
            assert easy.samples <= hard.samples <= end - hard.drift.end
            assert hard.censored >= easy.censored
            assert not hard.censored or hard.samples >= windows * window
        for value in (hard.maximum_drop, hard.area_lost):
            assert math.isnan(value) or value >= 0
        assert math.isnan(hard.area_lost) or hard.area_lost <= hard.level * (end - hard.drift.start) + 1e-9


@given(st.data(), st.integers(1, 12), st.integers(1, 3))
def test_who_loses_nothing_is_back_with_the_first_batch_whatever_the_window(
    any_trace: st.SearchStrategy[Trace], data: st.DataObject, window: int, windows: int
) -> None:
    trace = data.draw(any_trace)
    right = trace.model_copy(update={"correct": trace.batch_sizes})
    for found in measure_recoveries(right, RecoveryRule(window=window, eps=0, windows=windows, reference=15)):
        if found.measured:
            first = bisect_left(trace.edges, found.drift.end)
            assert (found.samples, found.censored) == (trace.edges[first + 1] - found.drift.end, False)


@given(st.data(), st.integers(1, 12), st.integers(1, 50))
def test_a_longer_past_changes_nothing(
    any_trace: st.SearchStrategy[Trace], data: st.DataObject, window: int, past: int
) -> None:
    trace = data.draw(any_trace)
    rule = RecoveryRule(window=window, eps=0.2, windows=2, reference=5)
    later = Trace(
        batch_sizes=[past, *trace.batch_sizes],
        correct=[0, *trace.correct],
        drifts=[d.model_copy(update={"start": d.start + past, "end": d.end + past}) for d in trace.drifts],
    )
    pairs = zip(measure_recoveries(later, rule), measure_recoveries(trace, rule), strict=True)
    for index, (shifted, found) in enumerate(pairs):
        # The level of an early first drift has room for the longer past.
        if index or found.drift.start >= rule.reference + 7:
            assert shifted.level == pytest.approx(found.level, nan_ok=True)
            assert shifted.samples == pytest.approx(found.samples, nan_ok=True)
            assert shifted.maximum_drop == pytest.approx(found.maximum_drop, nan_ok=True)
            assert shifted.area_lost == pytest.approx(found.area_lost, nan_ok=True)


@given(st.data(), st.integers(1, 4))
def test_single_batches_split_within_their_windows_change_nothing(
    any_trace: st.SearchStrategy[Trace], data: st.DataObject, window: int
) -> None:
    trace = data.draw(any_trace)
    whole = Trace(
        batch_sizes=[8 * window] * len(trace.batch_sizes),
        correct=[window * n for n in trace.correct],
        drifts=[DriftPoint(start=8 * window * (len(trace.correct) // 2), end=8 * window * (len(trace.correct) // 2))],
    )
    halves = Trace(
        batch_sizes=[4 * window] * (2 * len(trace.batch_sizes)),
        correct=[right for n in whole.correct for right in (min(n, 4 * window), max(n - 4 * window, 0))],
        drifts=whole.drifts,
    )
    rule = RecoveryRule(window=8 * window, eps=0.2, windows=2, reference=16 * window)
    (one_piece,), (split,) = measure_recoveries(whole, rule), measure_recoveries(halves, rule)
    assert split.level == pytest.approx(one_piece.level, nan_ok=True)
    assert split.area_lost == pytest.approx(one_piece.area_lost, nan_ok=True)
    assert split.measured == one_piece.measured
    if split.measured:
        assert split.samples <= one_piece.samples, "more places to start a window"
        assert split.maximum_drop >= one_piece.maximum_drop - 1e-9
