import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from morph_cl_scenarios.drifting.concepts import Concept, between, turn
from morph_cl_scenarios.drifting.options import PRESETS, DriftingOptions
from morph_cl_scenarios.drifting.patterns import PATTERNS
from morph_cl_scenarios.drifting.schedule import make_schedule

from morph_cl import UsageError
from morph_cl.options import validate_options

CLASSES = 10

drifting = st.builds(
    lambda patterns, source, seed, samples, contexts: (
        DriftingOptions(
            patterns=tuple(patterns), source="rotation" if "incremental" in patterns else source, contexts=contexts
        ),
        samples * len(patterns),
        seed,
    ),
    st.lists(st.sampled_from([name for name in PATTERNS if name != "blips"]), min_size=1, max_size=6),
    st.sampled_from(["rotation", "permutation", "corruption"]),
    st.integers(0, 2**31 - 1),
    st.integers(80, 700),
    st.integers(2, 4),
)


def schedule(*patterns, samples=1_000, seed=0, **options):
    return make_schedule(DriftingOptions(patterns=patterns, **options), samples, CLASSES, seed)


@settings(max_examples=150, deadline=None)
@given(drifting)
def test_the_concept_changes_where_the_drift_points_say_and_nowhere_else(drawn):
    options, samples, seed = drawn
    made = make_schedule(options, samples, CLASSES, seed)
    changes = {int(place) for place in np.flatnonzero(np.diff(made.concept)) + 1}
    inside = {place for drift in made.drifts for place in range(drift.start, drift.end + 1)}
    assert changes <= inside
    for drift in made.drifts:
        before, after = made.newer[drift.start - 1], made.older[drift.end]
        assert before != after
        assert made.concept[drift.start - 1] == before
        assert made.concept[drift.end] == after
        assert made.weight[drift.end] == 1
        if drift.kind not in ("gradual", "incremental"):
            assert drift.start == drift.end


@settings(max_examples=100, deadline=None)
@given(drifting)
def test_each_sample_is_of_a_concept_that_holds_there(drawn):
    options, samples, seed = drawn
    made = make_schedule(options, samples, CLASSES, seed)
    assert made.samples == len(made.older) == samples
    assert np.all((made.concept == made.older) | (made.concept == made.newer))
    assert np.all((made.weight > 0) & (made.weight <= 1))
    assert set(np.concatenate([made.older, made.newer]).tolist()) == set(range(len(made.concepts)))


@settings(max_examples=100, deadline=None)
@given(drifting)
def test_drifts_are_in_order_apart_and_recurring_exactly_where_the_concept_was_there_before(drawn):
    options, samples, seed = drawn
    made = make_schedule(options, samples, CLASSES, seed)
    for first, second in pairwise(made.drifts):
        assert first.end < second.start
    for drift in made.drifts:
        seen = set(made.concept[: drift.start].tolist())
        assert drift.recurring == (made.older[drift.end] in seen)


@given(st.integers(0, 2**31 - 1))
def test_one_seed_is_one_schedule(seed):
    first, second = (schedule("recurring", "gradual", "swap", seed=seed) for _ in range(2))
    assert first.drifts == second.drifts
    assert first.concepts == second.concepts
    assert np.array_equal(first.concept, second.concept)


def test_seeds_move_the_drifts():
    assert len({schedule("abrupt", seed=seed).drifts[0].start for seed in range(20)}) > 10


@pytest.mark.parametrize(("pattern", "kind"), [(name, name) for name in ("abrupt", "local", "prior", "swap", "noise")])
def test_a_sudden_pattern_is_one_drift_around_the_middle(pattern, kind):
    for seed in range(20):
        (drift,) = schedule(pattern, seed=seed).drifts
        assert drift.kind == kind
        assert not drift.recurring
        assert 400 <= drift.start == drift.end <= 600


def test_gradual_mixes_ever_more_of_the_new_concept_in():
    made = schedule("gradual", samples=20_000, width=10_000)
    (drift,) = made.drifts
    window = slice(drift.start, drift.end)
    assert drift.end - drift.start == 10_000
    assert np.all(np.diff(made.weight[window]) > 0)
    new = (made.concept[window] == made.newer[window]).reshape(5, -1).mean(1)
    assert new == pytest.approx([0.1, 0.3, 0.5, 0.7, 0.9], abs=0.04)


def test_incremental_turns_the_shorter_way_in_small_steps():
    made = schedule("incremental", samples=2_000, angle=200.0)
    angles = [made.concepts[number].angles[0] for number in made.concept]
    steps = [turn(a, b) for a, b in pairwise(angles)]
    assert all(-1.01 <= step <= 1e-9 for step in steps)
    assert sum(steps) == pytest.approx(-160)
    assert angles[-1] == 200


def test_incremental_noise_grows_in_steps():
    made = schedule("incremental", source="corruption", noise=0.4)
    levels = [made.concepts[number].noise[0] for number in made.concept]
    assert levels == sorted(levels)
    assert (levels[0], levels[-1]) == (0, 0.4)
    assert len(set(levels)) > 10


def test_recurring_contexts_come_and_come_back():
    made = schedule("recurring", contexts=3)
    assert [(drift.kind, drift.recurring) for drift in made.drifts] == [
        ("abrupt", False),
        ("abrupt", False),
        ("recurring", True),
        ("recurring", True),
        ("recurring", True),
    ]
    stretches = [int(made.concept[place]) for place in (50, 250, 420, 580, 750, 950)]
    assert stretches == [0, 1, 2, 0, 1, 2]
    assert len(made.concepts) == 3


def test_recurring_noise_has_as_many_levels_as_contexts():
    made = schedule("recurring", source="corruption", contexts=3, noise=0.25)
    assert [concept.noise[0] for concept in made.concepts] == [0, 0.25, 0.5]


def test_an_angle_that_goes_round_brings_a_context_back():
    kinds = [drift.recurring for drift in schedule("abrupt", "abrupt", "abrupt", angle=120).drifts]
    assert kinds == [False, False, True]


@given(st.integers(0, 2**31 - 1), st.floats(0.05, 0.95))
def test_local_drift_leaves_other_classes_alone(seed, share):
    made = schedule("local", seed=seed, share=share)
    before, after = made.concepts
    moved = [a != b for a, b in zip(before.angles, after.angles, strict=True)]
    assert sum(moved) == min(max(1, round(share * CLASSES)), CLASSES - 1)
    assert (before.labels, before.weights) == (after.labels, after.weights)


@given(st.integers(0, 2**31 - 1), st.floats(0.05, 0.95))
def test_swap_renames_pairs_and_touches_no_image(seed, share):
    before, after = schedule("swap", seed=seed, share=share).concepts
    assert sorted(after.labels) == list(range(CLASSES))
    assert [after.labels[label] for label in after.labels] == list(range(CLASSES))
    assert after.labels != before.labels
    assert (before.angles, before.noise, before.weights) == (after.angles, after.noise, after.weights)


@given(st.integers(0, 2**31 - 1))
def test_prior_shift_favours_some_classes(seed):
    made = schedule("prior", "prior", seed=seed, skew=0.8)
    assert made.concepts[0].weights is None
    first, second = (concept.weights for concept in made.concepts[1:])
    assert first != second
    for weights in (first, second):
        assert math.fsum(weights) == pytest.approx(1)
        assert sorted(weights) == pytest.approx([0.04] * 5 + [0.16] * 5)


def test_class_mixtures_are_one_half_then_the_other_then_new_ones():
    made = schedule("abrupt", "abrupt", "abrupt", source="classes", samples=3_000)
    groups = [frozenset(np.flatnonzero(concept.weights).tolist()) for concept in made.concepts]
    assert groups[0] | groups[1] == set(range(CLASSES))
    assert len(set(groups)) == 4
    assert all(len(group) == 5 for group in groups)


@pytest.mark.parametrize("classes", [2, 3])
def test_few_classes_have_few_halves_but_each_drift_changes_them(classes):
    options = DriftingOptions(patterns=("abrupt",) * 5, source="classes")
    made = make_schedule(options, 500, classes, 0)
    for drift in made.drifts:
        assert made.concepts[made.concept[drift.start - 1]] != made.concepts[made.concept[drift.start]]


def test_controls_have_no_drift_and_blips_go_away():
    assert schedule("none").drifts == ()
    made = schedule("blips", blip=15)
    assert made.drifts == ()
    assert len(made.blips) == 3
    outside = np.ones(1_000, dtype=bool)
    for start, stop in made.blips:
        assert stop - start == 15
        assert np.all(made.concept[start:stop] == 1)
        outside[start:stop] = False
    assert np.all(made.concept[outside] == 0)


def test_patterns_follow_one_another_in_segments_of_their_own():
    made = schedule("abrupt", "none", "gradual", "swap", samples=4_000)
    assert [(drift.kind, drift.start // 1_000) for drift in made.drifts] == [("abrupt", 0), ("gradual", 2), ("swap", 3)]
    last = made.concepts[made.concept[-1]]
    assert last.angles == (275.0,) * CLASSES
    assert last.labels != tuple(range(CLASSES))


@given(st.floats(0, 359.9), st.floats(0, 359.9), st.floats(0, 1))
def test_an_angle_on_the_way_lies_between(start, end, progress):
    old, new = (Concept((angle,), (0,), (0.0,), (0,)) for angle in (start, end))
    angle = between(old, new, progress).angles[0]
    assert abs(turn(start, angle)) <= abs(turn(start, end)) + 1e-6
    assert abs(turn(angle, end)) <= abs(turn(start, end)) + 1e-6


@pytest.mark.parametrize(
    ("options", "samples", "part"),
    [
        ({"patterns": ("gradual",), "width": 501}, 1_000, "give 1 to 500"),
        ({"patterns": ("gradual", "abrupt"), "width": 300}, 1_000, "half of a segment of 500 samples; give 1 to 250"),
        ({"patterns": ("abrupt", "swap")}, 30, "give samples=40 or more"),
        ({"patterns": ("recurring",), "contexts": 4}, 79, "give samples=80 or more"),
        ({"patterns": ("blips",), "blip": 30}, 299, "give samples=300 or more"),
        ({"patterns": ("prior",), "skew": 0.5}, 1_000, "skew=0.5 favours none"),
    ],
)
def test_what_a_stream_has_no_room_for_is_refused(options, samples, part):
    with pytest.raises(UsageError, match=part):
        make_schedule(DriftingOptions(**options), samples, CLASSES, 0)


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"patterns": []}, "patterns"),
        ({"patterns": ["sudden"]}, "abrupt"),
        ({"patterns": "abrupt", "width": 10}, "width=10 has no meaning"),
        ({"patterns": "incremental", "source": "permutation"}, "give rotation or corruption"),
        ({"patterns": ["abrupt", "prior"], "source": "classes"}, "cannot be joined with the prior pattern"),
        ({"patterns": "local", "source": "classes"}, "cannot be joined with the local pattern"),
        ({"angle": 360}, "angle"),
        ({"share": 1.0}, "share"),
        ({"samples": 5}, "samples"),
        ({"batch_sise": 5}, "batch_sise"),
    ],
)
def test_contradictions_and_values_out_of_range_are_refused(options, part):
    with pytest.raises(UsageError, match=part) as caught:
        validate_options(DriftingOptions, options, "drifting-mnist")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_have_schedules(preset):
    made = make_schedule(validate_options(DriftingOptions, PRESETS[preset], "drifting-mnist"), 3_000, CLASSES, 0)
    assert bool(made.drifts) == (preset not in ("steady", "blips"))
