import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from morph_cl_scenarios.drifting.concepts import Concept
from morph_cl_scenarios.drifting.options import DriftingOptions
from morph_cl_scenarios.drifting.scenario import build
from morph_cl_scenarios.drifting.schedule import make_schedule
from morph_cl_scenarios.drifting.sources import PixelSources, add_noise, move_pixels, pixel_order
from morph_cl_scenarios.pixels import rotation_source, take_pixels

from morph_cl import ImageData, ScenarioRequest, UsageError
from morph_cl.bridge.dataset import as_float


def drifting(data, *patterns, seed=0, validation=0.0, **options):
    return build(ScenarioRequest(data, seed, "domain", validation), DriftingOptions(patterns=patterns, **options))


def images_of(x):
    return [image.numpy().tobytes() for image in x]


@pytest.fixture(scope="module")
def plenty(make_data):
    return make_data(10, 60)


@settings(max_examples=25, deadline=None)
@given(
    patterns=st.lists(
        st.sampled_from(["none", "abrupt", "gradual", "incremental", "recurring", "local", "swap"]),
        min_size=1,
        max_size=4,
    ),
    seed=st.integers(0, 2**31 - 1),
)
def test_every_sample_is_the_training_image_that_its_concept_makes_of_it(plenty, patterns, seed):
    stream = drifting(plenty, *patterns, seed=seed).online
    schedule = make_schedule(DriftingOptions(patterns=tuple(patterns)), len(stream), 10, seed)
    assert np.array_equal(stream.concept.numpy(), schedule.concept)
    assert stream.drifts == schedule.drifts
    # Every training image is used once, so undoing nothing but comparing all images a concept can make finds each.
    for number in np.unique(schedule.concept):
        concept = schedule.concepts[number]
        possible = {}
        for label in range(10):
            of_class = plenty.train_x[plenty.train_y == label]
            turned = take_pixels(of_class, rotation_source(concept.angles[label], 8, 8))
            possible |= dict.fromkeys(images_of(turned), concept.labels[label])
        here = np.flatnonzero(schedule.concept == number)[:20]
        for image, label in zip(images_of(stream.x[here]), stream.y[here].tolist(), strict=True):
            assert possible[image] == label


def test_each_training_image_comes_once_and_no_test_image_ever(plenty):
    stream = drifting(plenty, "none").online
    assert sorted(images_of(stream.x)) == sorted(images_of(plenty.train_x))
    assert not set(images_of(stream.x)) & set(images_of(plenty.test_x))


def test_where_shares_of_classes_drift_images_still_come_once(plenty):
    stream = drifting(plenty, "prior").online
    assert len(stream) == 300
    found = images_of(stream.x)
    assert len(set(found)) == len(found)
    assert set(found) <= set(images_of(plenty.train_x))


def test_prior_shift_is_in_the_labels(make_data):
    stream = drifting(make_data(10, 400), "prior", samples=2_000, skew=0.9).online
    start = stream.drifts[0].start
    before, after = (torch.bincount(part, minlength=10) / len(part) for part in (stream.y[:start], stream.y[start:]))
    assert torch.all(before < 0.15)
    assert after.sort().values[5:].sum() == pytest.approx(0.9, abs=0.04)


def test_class_mixtures_hold_only_their_classes_at_either_end(plenty):
    stream = drifting(plenty, "abrupt", source="classes")
    online, start = stream.online, stream.online.drifts[0].start
    before, after = set(online.y[:start].tolist()), set(online.y[start:].tolist())
    assert len(before) == len(after) == 5
    assert not before & after
    test = stream.benchmark.test_stream[0].dataset
    assert {int(label) for label in test.targets} == after


def test_the_test_images_are_of_the_concept_at_the_end(plenty):
    stream = drifting(plenty, "abrupt", "swap", angle=90)
    last = make_schedule(DriftingOptions(patterns=("abrupt", "swap"), angle=90), 600, 10, 0).concepts[-1]
    x, y, _ = stream.benchmark.test_stream[0].dataset.view().batch(torch.arange(len(plenty.test_y)))
    assert torch.equal(x, as_float(plenty.test_x.rot90(1, (2, 3))))
    assert torch.equal(y, torch.tensor(last.labels)[plenty.test_y])


def test_the_benchmark_holds_the_same_samples_in_the_same_order(plenty):
    stream = drifting(plenty, "abrupt", "noise")
    (experience,) = stream.benchmark.train_stream
    x, y, _ = experience.dataset.view().batch(torch.arange(600))
    assert torch.equal(x, as_float(stream.online.x))
    assert torch.equal(y, stream.online.y)
    assert stream.detail["drifts"] == [drift.model_dump() for drift in stream.online.drifts]


def test_held_out_validation_images_leave_the_stream_and_the_drifts_move_along(plenty):
    whole = drifting(plenty, "abrupt", "gradual").online
    held = drifting(plenty, "abrupt", "gradual", validation=0.25)
    rest = held.online
    assert len(rest) == len(held.benchmark.train_stream[0].dataset) == 450
    for before, after in zip(whole.drifts, rest.drifts, strict=True):
        assert after.start == pytest.approx(0.75 * before.start, abs=25)
    start = rest.drifts[0].start
    assert torch.all(rest.concept[:start] == 0)
    assert rest.concept[start] != 0


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"samples": 601}, "give at most 600"),
        ({"samples": 600, "source": "classes"}, "each may come once; give samples="),
    ],
)
def test_more_samples_than_the_data_can_give_are_refused(plenty, options, part):
    patterns = ("abrupt", "none", "none", "none") if "source" in options else ("abrupt",)
    with pytest.raises(UsageError, match=part):
        drifting(plenty, *patterns, **options)


def test_what_a_refusal_suggests_is_accepted(plenty):
    with pytest.raises(UsageError) as caught:
        drifting(plenty, "abrupt", "none", "none", "none", source="classes", samples=600)
    enough = int(str(caught.value).split("give samples=")[1].split(" ")[0])
    assert len(drifting(plenty, "abrupt", "none", "none", "none", source="classes", samples=enough).online) == enough


def test_data_of_one_class_is_refused(make_data):
    with pytest.raises(UsageError, match="at least two"):
        drifting(make_data(1, 100), "abrupt")


def test_images_may_be_floats(make_data):
    data = make_data(4, 50, (3, 8, 8))
    floats = ImageData("f", data.train_x / 255, data.train_y, data.test_x / 255, data.test_y, tuple("abcd"))
    bytes_, other = drifting(data, "abrupt", "noise").online, drifting(floats, "abrupt", "noise").online
    assert other.x.dtype == torch.float32
    assert torch.equal(bytes_.y, other.y)
    assert torch.allclose(as_float(bytes_.x), other.x, atol=0.5 / 255 + 1e-5)


@pytest.mark.parametrize("source", ["rotation", "classes"])
def test_held_out_images_are_test_images_as_each_concept_has_them(plenty, source):
    incremental = ("incremental",) if source == "rotation" else ()
    options = {"samples": 200, "source": source, "held_out_every": 10, "held_out_size": 40}
    stream = drifting(plenty, "recurring", *incremental, **options).online
    held_out = stream.held_out
    assert held_out.concepts == (0, 1, 0, 1, *(2 for _ in incremental))
    assert all(0 < len(y) <= 40 for _, y in held_out.sets)
    if source == "rotation":
        known = images_of(plenty.test_x)
        assert set(images_of(held_out.sets[0][0])) <= set(known)
        turned = take_pixels(plenty.test_x, rotation_source(137.5, 8, 8))
        assert set(images_of(held_out.sets[1][0])) <= set(images_of(turned))
    else:
        start = stream.drifts[0].start
        for (_, y), part in zip(
            held_out.sets, (stream.y[:start], stream.y[start : stream.drifts[1].start]), strict=True
        ):
            assert set(y.tolist()) == set(part.tolist())


def test_held_out_images_leave_the_stream_as_it_is(plenty):
    plain, watched = drifting(plenty, "swap").online, drifting(plenty, "swap", held_out_every=10).online
    assert plain.held_out is None
    assert torch.equal(plain.x, watched.x)
    assert torch.equal(plain.y, watched.y)
    assert plain.drifts == watched.drifts


# --- sources ---------------------------------------------------------------------------------------------------------


def test_each_image_is_moved_in_its_own_way(toy):
    concepts = [Concept((0.0, 90.0), (0, 0), (0.0,) * 2, (0, 1)), Concept((90.0, 45.0), (1, 1), (0.0,) * 2, (0, 1))]
    sources = PixelSources(concepts, 8, 8, seed=3)
    x = toy.train_x[:4]
    rows = torch.tensor([sources.row[0, 0], sources.row[0, 1], sources.row[1, 0], sources.row[1, 1]])
    moved = move_pixels(x, sources.table[rows])
    order = pixel_order(1, 64, 3)
    expected = [
        x[0],
        x[1].rot90(1, (1, 2)),
        x[2].rot90(1, (1, 2)).flatten(1)[:, order].reshape(1, 8, 8),
        take_pixels(x[3:], rotation_source(45, 8, 8))[0].flatten(1)[:, order].reshape(1, 8, 8),
    ]
    assert torch.equal(moved, torch.stack(expected))
    assert len(sources.table) == 4


def test_noise_has_the_level_that_was_asked_for_and_spares_others():
    x = torch.full((4, 1, 100, 100), 128, dtype=torch.uint8)
    noisy = add_noise(x, np.array([0, 0.05, 0, 0.1]), np.random.default_rng(0), 0, 255)
    assert torch.equal(noisy[0], x[0])
    assert torch.equal(noisy[2], x[2])
    assert noisy[1].float().std() == pytest.approx(0.05 * 255, rel=0.05)
    assert noisy[3].float().std() == pytest.approx(0.1 * 255, rel=0.05)
    assert add_noise(x, np.zeros(4), np.random.default_rng(0), 0, 255) is x
