"""What replay stores, in bytes."""

from __future__ import annotations

import pytest
import torch

from morph_cl import ExperienceData, ImageData, ScenarioRequest, UsageError, make_stream
from morph_cl.bridge.accounting import memory_use
from morph_cl.bridge.checkpoint import load_checkpoint, save_checkpoint
from morph_cl.bridge.state import encode_strategy, restore_strategy

PIXELS, LABEL, ORDER = 64, 8, 4  # bytes of a sample: 8x8 pixels, its label, its place in the reservoir


def _float_stream(tiny, scale=1.0):
    """The tiny stream with images that are floats in the data set."""
    parts = []
    for number, experience in enumerate(tiny("domain").benchmark.train_stream):
        images, labels, _ = experience.dataset.view().batch(torch.arange(240))
        parts.append(ExperienceData(f"part {number}", images * scale, labels, images[:60] * scale, labels[:60]))
    columns = [
        torch.cat([getattr(part, name) for part in parts]) for name in ("train_x", "train_y", "test_x", "test_y")
    ]
    data = ImageData("floats", *columns, tuple("abcdef"))
    return make_stream(ScenarioRequest(data, 0, "domain"), parts, classes=6)


def _stored(strategy):
    return memory_use(strategy).buffer_bytes


def test_bytes_of_the_data_set_are_stored_and_counted_as_bytes(tiny, train):
    strategy = train("replay", tiny("domain"), mem_size=31, epochs=1)
    leaves = {
        group.buffer.view().leaves[0].x.dtype for group in strategy.plugins[0].storage_policy.buffer_groups.values()
    }
    assert leaves == {torch.uint8}
    assert _stored(strategy) == 31 * (PIXELS + LABEL + ORDER)


def test_floats_of_the_data_set_can_be_stored_as_bytes(tiny, train, weights):
    stream = _float_stream(tiny)
    compact = train("replay", stream, mem_size=31, epochs=1, images="uint8")
    exact = train("replay", stream, mem_size=31, epochs=1)
    assert _stored(compact) == 31 * (PIXELS + LABEL + ORDER)
    assert _stored(exact) == 31 * (4 * PIXELS + LABEL + ORDER)
    torch.testing.assert_close(weights(compact), weights(exact))  # the tiny images are multiples of 1/255


def test_what_has_not_shrunk_is_not_converted_again(tiny, build):
    stream = _float_stream(tiny)
    strategy = build("replay", stream, mem_size=600, epochs=1, images="uint8")
    groups, kept = strategy.plugins[0].storage_policy.buffer_groups, []
    for experience in stream.benchmark.train_stream[:3]:
        strategy.train(experience, eval_streams=[])
        kept.append(groups[0].buffer)
        assert all(group.buffer.view().leaves[0].x.dtype == torch.uint8 for group in groups.values())
        assert _stored(strategy) == sum(len(group.buffer) for group in groups.values()) * (PIXELS + LABEL + ORDER)
    assert kept[0] is kept[1]  # all 240 samples of each of two experiences fit
    assert (len(kept[1]), len(kept[2])) == (240, 200)


def test_compact_memory_goes_on_from_a_checkpoint(tiny, train, build, seed, tmp_path):
    stream = _float_stream(tiny)
    first = train("replay", stream, mem_size=31, epochs=1, images="uint8")
    save_checkpoint(tmp_path, 3, {"strategy": encode_strategy(first)})
    second = build("replay", stream, mem_size=31, epochs=1, images="uint8")
    restore_strategy(second, load_checkpoint(tmp_path)["strategy"], stream)
    whole = [strategy.plugins[0].storage_policy.buffer.view().batch(torch.arange(31)) for strategy in (first, second)]
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(*whole, strict=True))
    assert _stored(first) == _stored(second)


def test_images_beyond_the_unit_interval_are_refused_before_training(tiny, build, weights):
    stream = _float_stream(tiny, scale=2.0)
    strategy = build("replay", stream, images="uint8")
    before = weights(strategy)
    with pytest.raises(UsageError, match=r"replay\.images=float32"):
        strategy.train(next(iter(stream.benchmark.train_stream)), eval_streams=[])
    assert torch.equal(before, weights(strategy))
