import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from morph_cl_scenarios.options import PermutedOptions
from morph_cl_scenarios.permuted_mnist import build, stream_permutations
from morph_cl_scenarios.plugin import register_scenarios

from morph_cl import ScenarioRequest, UsageError
from morph_cl.bridge.dataset import as_float

SPEC = next(spec for spec in register_scenarios() if spec.name == "permuted-mnist")


@given(st.integers(0, 2**31 - 1), st.integers(1, 6), st.integers(1, 64), st.booleans())
def test_every_permutation_is_a_bijection_and_one_seed_gives_the_same(seed, experiences, pixels, identity_first):
    options = PermutedOptions(experiences=experiences, identity_first=identity_first)
    torch.manual_seed(seed % 3)
    permutations = stream_permutations(options, seed, pixels)
    assert len(permutations) == experiences
    for permutation in permutations:
        assert sorted(permutation.tolist()) == list(range(pixels))
    if identity_first:
        assert permutations[0].tolist() == list(range(pixels))
    again = stream_permutations(options, seed, pixels)
    assert all(torch.equal(a, b) for a, b in zip(permutations, again, strict=True))


def test_permutations_differ_by_experience_and_seed():
    options = PermutedOptions(experiences=3, identity_first=False)
    orders = {tuple(p.tolist()) for seed in (0, 1) for p in stream_permutations(options, seed, 64)}
    assert len(orders) == 6
    assert tuple(range(64)) not in orders


def test_default_is_ten_experiences_of_which_the_first_is_in_place():
    assert PermutedOptions() == PermutedOptions(experiences=10, identity_first=True)


@pytest.mark.parametrize("shape", [(1, 6, 6), (3, 4, 5)])
def test_every_channel_of_train_and_test_is_permuted_alike(make_data, shape):
    data = make_data(3, 4, shape)
    options = PermutedOptions(experiences=3)
    stream = build(ScenarioRequest(data, 2, "domain"), options)
    permutations = stream_permutations(options, 2, shape[1] * shape[2])
    for number, permutation in enumerate(permutations):
        for name, x in (("train", data.train_x), ("test", data.test_x)):
            served = torch.stack([s[0] for s in getattr(stream.benchmark, f"{name}_stream")[number].dataset])
            for channel in range(shape[0]):
                expected = as_float(x)[:, channel].flatten(1)[:, permutation]
                assert torch.equal(served[:, channel].flatten(1), expected)
    assert stream.labels == ("identity", "permutation 2", "permutation 3")
    assert len(set(stream.detail["permutation_checksums"])) == 3


def test_der_20_has_twenty_random_permutations_for_one_epoch():
    options = PermutedOptions(**SPEC.presets["der-20"])
    assert (options.experiences, options.identity_first) == (20, False)
    assert SPEC.training["der-20"] == {"epochs": 1, "batch_size": 128}


def test_a_size_that_the_data_lacks_is_refused(toy):
    with pytest.raises(UsageError, match="train_size=500"):
        build(ScenarioRequest(toy, 0, "domain"), PermutedOptions(train_size=500))
