import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from morph_cl import Blip, DriftPoint, OnlineStream, UsageError
from morph_cl.bridge.arriving import ArrivingExperiences, still_to_come
from morph_cl.bridge.dataset import as_float, view_of


def stream(size=60, drifts=(), blips=(), **changes):
    generator = torch.Generator().manual_seed(1)
    parts = {
        "x": torch.randint(0, 256, (size, 1, 4, 4), generator=generator, dtype=torch.uint8),
        "y": torch.arange(size) % 3,
        "concept": torch.zeros(size, dtype=torch.int64),
        "classes": 3,
    }
    return OnlineStream(**{**parts, **changes}, drifts=tuple(drifts), blips=tuple(blips))


@given(st.integers(1, 70))
def test_batches_are_the_stream_in_its_order(size):
    samples = stream()
    images, labels = zip(*samples.batches(size), strict=True)
    assert torch.equal(torch.cat(images), as_float(samples.x))
    assert torch.equal(torch.cat(labels), samples.y)
    assert all(len(part) == size for part in labels[:-1])
    assert samples.input_shape == (1, 4, 4)


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"y": torch.arange(59) % 3}, "59 labels"),
        ({"concept": torch.zeros(3, dtype=torch.int64)}, "3 concepts"),
        ({"y": torch.arange(60) % 3 - 1}, r"labels run from -1 to 1; give each sample one in 0\.\.2"),
        ({"classes": 2}, r"0\.\.1"),
        ({"size": 0}, "at least one"),
        ({"drifts": [DriftPoint(start=10, end=30), DriftPoint(start=20, end=20)]}, "overlap"),
        ({"drifts": [DriftPoint(start=70, end=70)]}, "60 samples"),
        ({"blips": [Blip(start=55, end=65)]}, "60 samples"),
    ],
)
def test_missing_labels_and_drifts_that_do_not_fit_are_refused(changes, part):
    with pytest.raises(UsageError, match=part) as caught:
        stream(**changes)
    assert "\n" not in str(caught.value)


@given(st.lists(st.booleans(), min_size=60, max_size=60).filter(lambda kept: sum(kept) > 5 and any(kept[40:])))
def test_drifts_move_with_the_samples_that_are_left(kept):
    rows = torch.tensor(kept).nonzero().squeeze(1)
    whole = stream(concept=torch.arange(60) // 20, drifts=[DriftPoint(start=20, end=20), DriftPoint(start=40, end=45)])
    if not any(kept[20:40]):
        return  # the two drifts would fall on one sample
    rest = whole.keep(rows)
    assert torch.equal(rest.y, whole.y[rows])
    for before, after in zip(whole.drifts, rest.drifts, strict=True):
        assert after.start == sum(kept[: before.start])
        assert after.end == sum(kept[: before.end])
    assert (rest.concept[: rest.drifts[0].start] == 0).all()


def test_experiences_for_avalanche_are_the_batches():
    samples = stream()
    experiences = list(samples.experiences(25))
    assert [len(experience.dataset) for experience in experiences] == [25, 25, 10]
    assert not any(experience.access_task_boundaries for experience in experiences)
    for (x, y), experience in zip(samples.batches(25), experiences, strict=True):
        found_x, found_y, task = view_of(experience.dataset).batch(torch.arange(len(y)))
        assert torch.equal(found_x, x)
        assert torch.equal(found_y, y)
        assert not task.any()


# --- data that comes bit by bit --------------------------------------------------------------------------------------


def test_what_has_not_come_cannot_be_read_by_any_way():
    arriving = ArrivingExperiences(stream(), 20)
    dataset = arriving.experience(1).dataset
    arriving.gate.released = 25
    view = view_of(dataset)
    assert [len(arriving), len(dataset)] == [3, 20]
    assert torch.equal(view.batch(torch.arange(5))[1], stream().y[20:25])
    assert torch.equal(view.span(1, 5)[1], stream().y[21:25])
    assert still_to_come(view)
    for look in (
        lambda: view.batch(torch.tensor([0, 5])),
        lambda: view.span(0, 6),
        lambda: dataset[5],
        lambda: dataset.targets[5],
        lambda: dataset.targets.uniques,
        lambda: list(dataset),
        lambda: torch.utils.data.default_collate([dataset[number] for number in range(20)]),
    ):
        with pytest.raises(UsageError, match=r"sample \d+ of a test-then-train stream before it has come"):
            look()


def test_what_has_come_reads_as_any_data_set():
    arriving = ArrivingExperiences(stream(), 20)
    experience = arriving.experience(2)
    arriving.gate.released = 60
    assert not still_to_come(view_of(experience.dataset))
    assert [label for _, label, _ in experience.dataset] == stream().y[40:].tolist()
    assert experience.dataset.targets.uniques == {0, 1, 2}
    assert experience.current_experience == 2
