"""Streams of river's generators: what they hold, where they drift, and that one seed is one stream."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from morph_cl_scenarios.tabular.features import FLAG, NUMBER, Column, Encoder
from morph_cl_scenarios.tabular.generated import build, draw
from morph_cl_scenarios.tabular.generators import generator_for, led_places
from morph_cl_scenarios.tabular.options import PRESETS, AgrawalOptions, LedOptions, RbfOptions, SeaOptions
from morph_cl_scenarios.tabular.variants import Variant, make_variants
from pydantic import ValidationError

from morph_cl import ScenarioRequest, UsageError
from morph_cl.testing import check_scenario

FAMILIES = {"sea": SeaOptions, "agrawal": AgrawalOptions, "led": LedOptions, "rbf": RbfOptions}
SMALL = {"samples": 400, "warm_up": 50, "test_size": 20}


def stream_of(options, seed=0, **request):
    data = draw.__wrapped__(seed, options)
    return build(ScenarioRequest(data, seed, "domain", **request), options)


@st.composite
def drawn_options(draw_from):
    family = draw_from(st.sampled_from(list(FAMILIES)))
    names = ["none", "abrupt", "gradual", "recurring"] + (["incremental"] if family == "rbf" else [])
    patterns = tuple(draw_from(st.lists(st.sampled_from(names), min_size=1, max_size=3)))
    return FAMILIES[family](patterns=patterns, **SMALL), draw_from(st.integers(0, 2**31 - 1))


@settings(max_examples=40, deadline=None)
@given(drawn_options())
def test_the_concept_is_constant_between_drifts_which_lie_in_the_stream(drawn):
    options, seed = drawn
    stream = stream_of(options, seed).online
    assert len(stream) == 400
    changes = set((np.flatnonzero(np.diff(stream.concept.numpy())) + 1).tolist())
    assert changes <= {place for drift in stream.drifts for place in range(drift.start, drift.end + 1)}
    for drift in stream.drifts:
        assert 0 < drift.start <= drift.end < 400
        assert stream.concept[drift.start - 1] != stream.concept[drift.end]
        assert (drift.kind in ("gradual", "incremental")) == (drift.end > drift.start)
        assert drift.recurring == (stream.concept[drift.end] in stream.concept[: drift.start])


@settings(max_examples=15, deadline=None)
@given(drawn_options())
def test_one_seed_is_one_stream_whatever_the_global_generators_hold(drawn):
    options, seed = drawn
    torch.manual_seed(1)
    first = stream_of(options, seed)
    state = torch.get_rng_state()
    second = stream_of(options, seed)
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(first.online.x, second.online.x)
    assert torch.equal(first.online.y, second.online.y)
    assert first.detail == second.detail


@pytest.mark.parametrize("family", FAMILIES)
def test_it_is_a_scenario(family):
    check_scenario(f"drifting-{family}", SMALL)


@pytest.mark.parametrize("family", FAMILIES)
def test_features_are_images_one_pixel_high_of_the_size_of_one(family):
    stream = stream_of(FAMILIES[family](samples=2_000, patterns=("none",)))
    x = stream.online.x
    assert x.dtype == torch.float32
    assert x.shape == (2_000, 1, 1, {"sea": 3, "agrawal": 6 + 5 + 20 + 9, "led": 24, "rbf": 10}[family])
    assert x.abs().max() < 10
    assert len(set(stream.online.y.tolist())) == stream.classes == {"sea": 2, "agrawal": 2, "led": 10, "rbf": 5}[family]


def test_no_row_comes_twice_and_none_of_the_test_is_in_the_stream():
    data = draw.__wrapped__(0, SeaOptions(patterns=("recurring",), **SMALL))
    rows = {row.numpy().tobytes() for row in (*data.train_x, *data.test_x)}
    assert len(rows) == 400 + 2 * 20


def test_labels_are_those_of_the_variant():
    options = SeaOptions(patterns=("abrupt", "abrupt", "abrupt"), noise=0, **SMALL)
    generator, schedule = generator_for(options), make_variants(options, 0)
    assert [concept.number for concept in schedule.concepts] == [0, 1, 2, 3]
    for concept, threshold in zip(schedule.concepts, (8, 9, 7, 9.5), strict=True):
        rows = generator.rows(options, concept, 0)
        assert all(label == (x[0] + x[1] > threshold) for (x, label), _ in zip(rows, range(200), strict=False))


def test_later_samples_change_no_earlier_one():
    """The warm-up, the only part that statistics are taken of, lies before the stream."""
    short, long = (
        stream_of(RbfOptions(patterns=("none",), samples=samples, warm_up=50, test_size=20)).online
        for samples in (100, 400)
    )
    assert torch.equal(short.x, long.x[:100])


def test_the_test_data_is_of_the_concept_at_the_end_and_held_out_data_of_each():
    options = LedOptions(patterns=("abrupt", "recurring"), noise=0, held_out_every=50, held_out_size=15, **SMALL)
    stream = stream_of(options)
    online = stream.online
    assert online.held_out.concepts == (0, 1, 2, 1, 2)
    assert [len(y) for _, y in online.held_out.sets] == [15] * 3
    x, y, _ = stream.benchmark.test_stream[0].dataset.view().batch(torch.arange(20))
    assert torch.equal(x[:15], online.held_out.sets[2][0])
    assert torch.equal(y[:15], online.held_out.sets[2][1])
    # Each digit is shown by the same segments: in the context's own places alone.
    places = np.argsort(led_places(4, 1, 0))[:7]
    shown = {}
    for features, label in zip(*online.held_out.sets[1], strict=True):
        shown.setdefault(int(label), set()).add(tuple(features.flatten()[places].tolist()))
    assert all(len(patterns) == 1 for patterns in shown.values())


@given(st.integers(1, 7), st.integers(1, 50), st.integers(0, 2**31 - 1))
def test_a_context_of_led_exchanges_so_many_segments(exchanged, number, seed):
    places = led_places(exchanged, number, seed)
    assert sorted(places) == list(range(24))
    assert (places[:7] >= 7).sum() == exchanged
    assert np.array_equal(places[places], np.arange(24))
    assert np.array_equal(led_places(exchanged, 0, seed), np.arange(24))


def test_centroids_move_in_steps_and_stay_in_the_cube():
    options = RbfOptions(patterns=("incremental", "incremental"), change_speed=0.01, **SMALL)
    schedule = make_variants(options, 3)
    moved = [schedule.concepts[number].moved for number in schedule.concept]
    assert moved == sorted(moved)
    assert moved[-1] == sum(drift.end - drift.start for drift in schedule.drifts) == 80
    assert {concept.number for concept in schedule.concepts} == {0}
    assert [drift.kind for drift in schedule.drifts] == ["incremental"] * 2
    still, gone = (next(generator_for(options).rows(options, Variant(0, place), 0)) for place in (0, 80))
    assert still != gone


def test_only_some_centroids_may_move():
    few, all_ = (RbfOptions(patterns=("incremental",), moving=moving, centroids=4, **SMALL) for moving in (1, None))
    concepts = [make_variants(options, 0).concepts[-1] for options in (few, all_)]
    assert concepts[0] == concepts[1]
    rows = [generator_for(options).rows(options, concepts[0], 0) for options in (few, all_)]
    same = [a == b for a, b, _ in zip(*rows, range(100), strict=False)]
    assert any(same)
    assert not all(same)


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"variants": [0, 4]}, "less than or equal to 3"),
        ({"variants": 1}, "at least 2"),
        ({"variants": [0, 0]}, "names a concept twice"),
        ({"variants": [0, 1], "patterns": "recurring", "contexts": 3}, "give 2 to 2"),
        ({"patterns": "incremental"}, "'abrupt', 'gradual', 'recurring' or 'blips'"),
        ({"patterns": "abrupt", "width": 10}, "no meaning"),
    ],
)
def test_options_that_cannot_work_are_refused(options, part):
    with pytest.raises(ValidationError, match=part):
        SeaOptions(**options)


def test_more_moving_centroids_than_there_are_are_refused():
    with pytest.raises(ValidationError, match="give 1 to 5"):
        RbfOptions(centroids=5, moving=6)


def test_a_window_longer_than_half_a_segment_is_refused():
    with pytest.raises(UsageError, match="give 1 to 50"):
        draw(0, SeaOptions(patterns=("gradual", "none"), samples=200, width=51))


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_fit_every_generator(preset):
    for family in FAMILIES.values():
        assert make_variants(family(**PRESETS[preset]), 0).samples == 20_000


def test_numbers_are_standardised_by_the_rows_before_the_stream_and_categories_are_one_hot():
    warm_up = np.array([[0.0, 1, 1, 7], [2.0, 3, 0, 7]])
    encode = Encoder((NUMBER, Column((1, 2, 3)), FLAG, NUMBER), warm_up)
    assert encode(np.array([[3.0, 2, 1, 7.5]])).tolist() == [[[[2.0, 0, 1, 0, 1, 0.5]]]]
