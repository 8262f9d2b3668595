import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from morph_cl_scenarios.labels import class_label
from morph_cl_scenarios.options import SplitHundredOptions, SplitOptions
from morph_cl_scenarios.split_tasks import build, class_tasks

from morph_cl import ImageData, ScenarioRequest, UsageError
from morph_cl.bridge.dataset import as_float
from morph_cl.options import validate_options


def labels_of(stream, name):
    return [sorted({sample[1] for sample in e.dataset}) for e in getattr(stream.benchmark, f"{name}_stream")]


@given(st.integers(0, 2**31 - 1), st.sampled_from([1, 2, 5, 10]), st.sampled_from(["seed", "ascending"]))
def test_tasks_partition_the_classes_evenly(toy, seed, experiences, order):
    tasks = class_tasks(SplitOptions(experiences=experiences, order=order), toy, seed)
    assert [len(task) for task in tasks] == [10 // experiences] * experiences
    assert sorted(number for task in tasks for number in task) == list(range(10))


def test_order_is_drawn_by_seed_unless_the_user_says_else(toy):
    drawn = [class_tasks(SplitOptions(), toy, seed) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert class_tasks(SplitOptions(order="ascending"), toy, 1) == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]
    backwards = tuple(range(9, -1, -1))
    assert class_tasks(SplitOptions(order=backwards), toy, 1)[0] == [9, 8]


@pytest.mark.parametrize("setting", ["class", "task"])
def test_class_and_task_settings_keep_the_labels_of_the_data(toy, setting):
    stream = build(ScenarioRequest(toy, 0, setting), SplitOptions())
    tasks = stream.detail["class_tasks"]
    assert labels_of(stream, "train") == labels_of(stream, "test") == [sorted(task) for task in tasks]
    assert stream.classes == 10
    for experience, task in zip(stream.benchmark.train_stream, tasks, strict=True):
        assert sorted(experience.classes_in_this_experience) == sorted(task)
    assert [c for exp in stream.benchmark.train_stream for c in sorted(exp.classes_in_this_experience)] == (
        stream.benchmark.classes_order
    )


@pytest.mark.parametrize("setting", ["class", "task", "domain"])
def test_every_image_is_in_exactly_one_experience(toy, setting):
    stream = build(ScenarioRequest(toy, 0, setting), SplitOptions(experiences=2))
    for name, x in (("train", toy.train_x), ("test", toy.test_x)):
        served = [s[0].numpy().tobytes() for e in getattr(stream.benchmark, f"{name}_stream") for s in e.dataset]
        assert sorted(served) == sorted(image.numpy().tobytes() for image in as_float(x))


def test_domain_labels_are_places_within_the_task(toy):
    order = (3, 8, 0, 1, 9, 2, 5, 4, 7, 6)
    stream = build(ScenarioRequest(toy, 0, "domain"), SplitOptions(order=order))
    assert stream.classes == 2
    assert labels_of(stream, "train") == labels_of(stream, "test") == [[0, 1]] * 5
    original = {x.numpy().tobytes(): int(y) for x, y in zip(as_float(toy.train_x), toy.train_y, strict=True)}
    for task, experience in zip(stream.detail["class_tasks"], stream.benchmark.train_stream, strict=True):
        for x, y, _ in experience.dataset:
            assert task[y] == original[x.numpy().tobytes()]


def test_hundred_classes_make_ten_experiences_or_twenty(make_data):
    data = make_data(100, 2, (3, 2, 2))
    assert len(build(ScenarioRequest(data, 0, "class"), SplitHundredOptions())) == 10
    assert len(build(ScenarioRequest(data, 0, "class"), SplitHundredOptions(experiences=20))) == 20


def test_a_split_that_is_uneven_is_refused_with_what_is_allowed(toy):
    with pytest.raises(UsageError, match=r"10 classes of toy .* experiences=3; give one of 1, 2, 5, 10\."):
        build(ScenarioRequest(toy, 0, "class"), SplitOptions(experiences=3))


@pytest.mark.parametrize("order", [(0, 1), (0,) * 10, tuple(range(1, 11))])
def test_an_order_that_is_not_every_class_once_is_refused(toy, order):
    with pytest.raises(UsageError, match="every class of toy once: 0 to 9"):
        build(ScenarioRequest(toy, 0, "class"), SplitOptions(order=order))


@pytest.mark.parametrize("order", ["downwards", [-1, 0], [0.5]])
def test_an_order_that_is_none_is_refused(order):
    with pytest.raises(UsageError, match="order"):
        validate_options(SplitOptions, {"order": order}, "split-mnist")


@pytest.mark.parametrize("split", ["train", "test"])
def test_an_experience_without_images_is_refused(split):
    x, full = torch.zeros(4, 1, 2, 2, dtype=torch.uint8), torch.tensor([0, 1, 2, 3])
    lacking = torch.tensor([0, 1, 1, 0])
    y = (lacking, full) if split == "train" else (full, lacking)
    data = ImageData("gap", x, y[0], x, y[1], ("a", "b", "c", "d"))
    with pytest.raises(UsageError, match=f"gap has no {split}.* images of c, d"):
        build(ScenarioRequest(data, 0, "class"), SplitOptions(experiences=2, order="ascending"))


@pytest.mark.parametrize(
    ("names", "label"),
    [
        (["3", "7"], "digits 3 7"),
        (["10", "2"], "classes 10 2"),
        (["cat", "dog"], "cat, dog"),
        (["ant", "bee", "cat", "dog"], "ant, bee +2"),
    ],
)
def test_labels_name_the_classes(names, label):
    assert class_label(names) == label
