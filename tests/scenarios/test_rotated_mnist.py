import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from morph_cl_scenarios.options import RotatedOptions
from morph_cl_scenarios.pixels import rotation_source, take_pixels
from morph_cl_scenarios.plugin import register_scenarios
from morph_cl_scenarios.rotated_mnist import build, stream_angles
from torchvision.transforms import InterpolationMode
from torchvision.transforms.functional import rotate

from morph_cl import ScenarioRequest, UsageError
from morph_cl.bridge.dataset import as_float
from morph_cl.options import parse_assignments, validate_options

SPEC = next(spec for spec in register_scenarios() if spec.name == "rotated-mnist")


def options(preset=None, **given_options):
    return validate_options(SPEC.params, {**SPEC.presets.get(preset, {}), **given_options}, SPEC.name)


def images(stream, name, number):
    return torch.stack([sample[0] for sample in getattr(stream.benchmark, f"{name}_stream")[number].dataset])


def test_default_is_five_angles_evenly_spread_over_180_degrees():
    assert stream_angles(options(), 0) == stream_angles(options(), 9) == [0, 36, 72, 108, 144]


def test_five_angles_is_the_protocol():
    chosen = options("five-angles")
    assert stream_angles(chosen, 3) == [0, 15, 30, 45, 60]
    assert chosen.train_limit == 5_000
    assert SPEC.training["five-angles"] == {"epochs": 3, "batch_size": 64}


@given(st.integers(0, 2**31 - 1))
def test_der_20_draws_twenty_angles_in_any_order_below_180(seed):
    angles = stream_angles(options("der-20"), seed)
    assert len(angles) == len(set(angles)) == 20
    assert all(0 <= angle < 180 for angle in angles)
    assert angles == stream_angles(options("der-20"), seed)


def test_der_20_is_uniform_and_independent_and_unsorted():
    drawn = np.array([stream_angles(options("der-20"), seed) for seed in range(500)])
    assert np.all(np.abs(np.histogram(drawn, 9, (0, 180))[0] / drawn.size - 1 / 9) < 0.015)
    # Independent draws leave a 9-degree bin empty as often as not; one angle a bin never does.
    filled = [len(set((row // 9).astype(int))) for row in drawn]
    assert np.mean(filled) == pytest.approx(20 * (1 - 0.95**20), abs=0.3)
    assert abs(np.corrcoef(drawn[:, 0], drawn[:, 1])[0, 1]) < 0.15
    assert not any(list(row) == sorted(row) for row in drawn)


def test_random_presets_take_all_images_for_one_epoch_of_batches_of_128():
    for preset in ("der-20", "sorted-20"):
        assert options(preset).train_size is None
        assert options(preset).train_limit is None
        assert SPEC.training[preset] == {"epochs": 1, "batch_size": 128}


@given(st.integers(0, 2**31 - 1))
def test_sorted_20_has_one_angle_in_each_bin_of_nine_degrees_in_order(seed):
    angles = stream_angles(options("sorted-20"), seed)
    assert [int(angle // 9) for angle in angles] == list(range(20))


def test_angles_differ_by_seed_and_ignore_global_random_states():
    torch.manual_seed(1)
    np.random.seed(1)
    first = stream_angles(options("der-20"), 0)
    torch.rand(100)
    np.random.seed(2)
    assert stream_angles(options("der-20"), 0) == first
    assert stream_angles(options("der-20"), 1) != first


def test_taking_fewer_images_does_not_change_the_angles(toy):
    request = ScenarioRequest(toy, 4, "domain")
    whole, fewer = build(request, options("der-20")), build(request, options("der-20", train_size=10))
    assert whole.detail["angles"] == fewer.detail["angles"]


@settings(max_examples=60, deadline=None)
@given(
    angle=st.one_of(st.sampled_from([0.0, 15.0, 45.0, 90.0, 180.0]), st.floats(-360, 360)),
    shape=st.tuples(st.integers(1, 3), st.integers(2, 12), st.integers(2, 12)),
    dtype=st.sampled_from([torch.uint8, torch.float32]),
    seed=st.integers(0, 1_000),
)
def test_rotating_the_whole_tensor_equals_rotating_each_image(angle, shape, dtype, seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(0, 256, (4, *shape), generator=generator).to(dtype)
    each = torch.stack([rotate(image, angle, InterpolationMode.NEAREST) for image in x])
    rotated = take_pixels(x, rotation_source(angle, *shape[1:]))
    assert rotated.dtype == dtype
    assert torch.equal(rotated, each)


def test_rotation_by_90_degrees_is_exact_and_by_0_copies_nothing(toy):
    assert take_pixels(toy.test_x, rotation_source(0, 8, 8)) is toy.test_x
    assert torch.equal(take_pixels(toy.test_x, rotation_source(90, 8, 8)), toy.test_x.rot90(1, (2, 3)))


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32)])
def test_train_and_test_are_rotated_alike_for_any_number_of_channels(make_data, shape):
    data = make_data(4, 4, shape)
    stream = build(ScenarioRequest(data, 0, "domain"), options(angles=[0, 15.25]))
    for name, x in (("train", data.train_x), ("test", data.test_x)):
        assert torch.equal(images(stream, name, 0), as_float(x))
        assert torch.equal(images(stream, name, 1), as_float(rotate(x, 15.25, InterpolationMode.NEAREST)))
    assert stream.labels == ("0°", "15.2°")
    assert stream.detail["angles"] == [0, 15.25]
    assert stream.classes == 4


def test_angles_that_return_get_labels_of_their_own(toy):
    stream = build(ScenarioRequest(toy, 0, "domain"), options(angles=[0, 90, 0]))
    assert stream.labels == ("0°", "90°", "0° (2)")


@pytest.mark.parametrize(
    ("given_options", "part"),
    [
        ({"angles": [0, 10], "experiences": 3}, "2 angles are given"),
        ({"angles": [0, 10], "spread": "even"}, "spread=even"),
        ({"angles": [0, 10], "max_angle": 90}, "max_angle=90"),
        ({"angles": []}, "angles"),
        ({"angles": [float("nan")]}, "angles"),
        ({"angles": [400]}, "360"),
        ({"experiences": 0}, "experiences"),
        ({"spread": "wild"}, "random"),
        ({"max_angle": 0}, "max_angle"),
        ({"train_size": 0}, "train_size"),
        ({"angels": [0]}, "angles"),
    ],
)
def test_contradictions_and_values_out_of_range_are_refused(given_options, part):
    with pytest.raises(UsageError, match=part) as caught:
        options(**given_options)
    assert "\n" not in str(caught.value)


def test_angles_that_agree_with_the_number_of_experiences_are_accepted():
    assert stream_angles(options(angles=[5, 10], experiences=2), 0) == [5, 10]


@pytest.mark.parametrize(("text", "angles"), [("0,15,30.5", (0, 15, 30.5)), ("[7]", (7,)), ("30", (30,))])
def test_angles_can_be_given_on_the_command_line(text, angles):
    values = parse_assignments([f"rotated-mnist.angles={text}"])["rotated-mnist"]
    assert options(**values).angles == angles


def test_max_angle_bounds_every_spread():
    assert stream_angles(options(max_angle=90, experiences=3), 0) == [0, 30, 60]
    assert max(stream_angles(RotatedOptions(spread="random", experiences=50, max_angle=10), 0)) < 10
    assert [int(a) for a in stream_angles(options(spread="sorted", experiences=9, max_angle=9), 2)] == list(range(9))


def test_a_size_of_the_users_that_the_data_lacks_is_refused(toy):
    with pytest.raises(UsageError, match=r"train_size=121, but toy has 120 training images; give at most 120"):
        build(ScenarioRequest(toy, 0, "domain"), options("five-angles", train_size=121))


def test_a_preset_takes_what_the_data_has_and_says_so(toy):
    stream = build(ScenarioRequest(toy, 0, "domain"), options("five-angles"))
    assert stream.detail["capped"] == {"train_size": 5_000, "available": 120}
    assert stream.detail["train_size"] == len(stream.benchmark.train_stream[0].dataset) == 120
    assert "capped" not in build(ScenarioRequest(toy, 0, "domain"), options("five-angles", train_size=60)).detail
