from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import morph_cl
from morph_cl.morph.growth import Look
from morph_cl.morph.model import MorphModel
from morph_cl.morph.options import MorphOptions
from morph_cl.morph.sleep import SleepSchedule

Make = Callable[..., MorphModel]
Samples = Callable[..., tuple[Tensor, Tensor]]
Learn = Callable[..., None]


def adaptive(**options: Any) -> SleepSchedule:
    return SleepSchedule(MorphOptions(**{"sleep_every": 100, "sleep_adaptive": True, **options}))


def slept_at(model: MorphModel) -> list[int]:
    return [event.iteration for event in model.pending if event.kind == "sleep"]


def test_a_steady_schedule_sleeps_every_so_many_steps_whatever_happened() -> None:
    schedule = SleepSchedule(MorphOptions(sleep_every=4))
    schedule.slept(2, 1, {})
    assert [step for step in range(1, 13) if schedule.due(step, 40)] == [4, 8, 12]
    never = SleepSchedule(MorphOptions())
    assert not any(never.due(step, 1) for step in range(1, 100))


def test_more_experts_than_at_the_first_sleep_shorten_the_interval() -> None:
    schedule = adaptive()
    assert schedule.interval(3) == 100  # no sleep yet: nothing to compare with
    schedule.slept(100, 2, {"merged": [[0, 1]]})
    assert [schedule.interval(experts) for experts in (1, 4, 8, 16)] == [100, 100, 50, 25]


@pytest.mark.parametrize("change", [{"merged": [[0, 1]]}, {"pruned": [2]}, {"split": [[0, 3]]}, {"calibrated": True}])
def test_sleeps_that_change_nothing_come_ever_later_until_one_changes_something(change: dict[str, Any]) -> None:
    schedule = adaptive()
    for expected in (200, 400, 800):
        schedule.slept(schedule.last + schedule.interval(1), 1, {"merged": [], "pruned": [], "calibrated": False})
        assert schedule.interval(1) == expected
    assert not schedule.due(schedule.last + 799, 1)
    assert schedule.due(schedule.last + 800, 1)
    schedule.slept(schedule.last + 800, 1, change)
    assert schedule.interval(1) == 100


def sleeps(share: float, sizes: list[int], grown: tuple[int, ...] = ()) -> list[int]:
    """Numbers, from 1, of the experiences of such sizes that end in sleep; some of them added an expert."""
    schedule, found = SleepSchedule(MorphOptions(sleep_share=share)), []
    for number, size in enumerate(sizes, 1):
        if number in grown:
            schedule.grown()
        schedule.took(size)
        if schedule.rests:
            schedule.slept(number, 1, {})
            found.append(number)
    return found


def test_experiences_end_in_sleep_once_enough_came_since_the_last() -> None:
    assert sleeps(0.0, [100] * 9) == list(range(1, 10))
    assert sleeps(1.0, [100] * 9) == [1, 2, 4, 8]
    assert sleeps(1.0, [100] * 9, grown=(3, 6)) == [1, 2, 3, 6]
    assert sleeps(0.5, [100, 10, 10, 40, 300]) == [1, 4, 5]
    assert sleeps(0.05, [60_000] * 21) == list(range(1, 22))  # no usual stream is long enough to go without


def test_a_state_without_counts_of_experiences_loads() -> None:
    schedule = adaptive()
    schedule.load({"base": 2, "last": 40, "idle": 1})
    assert schedule.export() == {"base": 2, "last": 40, "idle": 1, "met": 0, "since": 0, "fresh": 0}
    assert schedule.rests


@given(st.floats(0.01, 1.0), st.lists(st.integers(1, 1_000), min_size=1, max_size=300))
def test_sleeps_grow_with_the_logarithm_of_the_past(share: float, sizes: list[int]) -> None:
    found = sleeps(share, sizes)
    met = [sum(sizes[:number]) for number in found]
    assert found[0] == 1
    assert all(now >= (1.0 + share) * then - 1e-6 for then, now in itertools.pairwise(met))


def test_growth_resets_the_interval(make_model: Make, make_samples: Samples, learn: Learn) -> None:
    model = make_model()
    learn(model, model.make_optimizer(), *make_samples(160, 0, 0))
    model.schedule.idle = 3
    assert model.grow(Look(closest=0, novelty=1.0))
    assert model.schedule.idle == 0


@given(
    st.integers(1, 5_000),
    st.tuples(st.integers(1, 5_000), st.integers(1, 5_000)).map(sorted),
    st.lists(st.tuples(st.integers(1, 500), st.booleans(), st.booleans()), max_size=60),
)
def test_intervals_stay_within_their_bounds(
    every: int, bounds: list[int], sleeps: list[tuple[int, bool, bool]]
) -> None:
    least, most = bounds
    schedule = adaptive(sleep_every=every, sleep_least=least, sleep_most=most)
    for experts, changed, grown in sleeps:
        interval = schedule.interval(experts)
        assert least <= interval <= most
        assert schedule.due(schedule.last + interval, experts)
        assert not schedule.due(schedule.last + interval - 1, experts)
        schedule.slept(schedule.last + interval, experts, {"pruned": [1] if changed else []})
        if grown:
            schedule.grown()


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ({"sleep_adaptive": True}, "give sleep_every"),
        ({"sleep_least": 50, "sleep_most": 20}, "sleep_least=50 is above sleep_most=20"),
    ],
)
def test_impossible_schedules_are_refused(options: dict[str, Any], advice: str) -> None:
    with pytest.raises(morph_cl.UsageError, match=advice):
        morph_cl.build_morph((1, 6, 6), 3, **options)


def test_training_by_itself_sleeps_when_due_and_goes_on(make_model: Make, make_samples: Samples, learn: Learn) -> None:
    model = make_model(sleep_every=4)
    learn(model, model.make_optimizer(), *make_samples(320, 0, 0))
    assert slept_at(model) == [4, 8]
    assert model.training
    without = make_model()
    learn(without, without.make_optimizer(), *make_samples(320, 0, 0))
    assert slept_at(without) == []


def test_a_resumed_model_sleeps_when_the_original_does(make_model: Make, make_samples: Samples, learn: Learn) -> None:
    options = {"sleep_every": 3, "sleep_adaptive": True, "sleep_least": 1}
    model = make_model(**options)
    learn(model, model.make_optimizer(), *make_samples(320, 0, 0))
    assert slept_at(model) == [3, 9]  # nothing is held out, nothing changes: the next one would be at 21
    resumed = make_model(**options)
    resumed.load_state_dict(copy.deepcopy(model.state_dict()))
    assert resumed.schedule.export() == model.schedule.export() == {
        "base": 1, "last": 9, "idle": 2, "met": 0, "since": 0, "fresh": 0,
    }  # fmt: skip
    resumed.pending.clear()
    learn(resumed, resumed.make_optimizer(), *make_samples(480, 0, 1))
    assert slept_at(resumed) == [21]
