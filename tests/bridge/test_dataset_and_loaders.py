from __future__ import annotations

import torch
from avalanche.benchmarks.utils.data_loader import ReplayDataLoader
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from morph_cl.bridge.dataset import Origin, TensorLeaf, TensorView, as_float, tensor_dataset, view_of
from morph_cl.bridge.loaders import JointTensorLoader, TensorLoader, tensor_loader_like


def leaf(size: int, start: int = 0, task: int = 0) -> TensorLeaf:
    """Images whose first pixel is their number."""
    x = torch.zeros(size, 1, 2, 2, dtype=torch.uint8)
    x[:, 0, 0, 0] = torch.arange(start, start + size)
    return TensorLeaf(x, torch.arange(size) % 3, task, Origin("train", start))


def numbers(x: torch.Tensor) -> list[int]:
    return (x[:, 0, 0, 0] * 255).round().int().tolist()


def test_uint8_becomes_float_in_unit_range_and_float_stays():
    assert as_float(torch.tensor([0, 255], dtype=torch.uint8)).tolist() == [0.0, 1.0]
    given_float = torch.tensor([-3.0, 7.0])
    assert as_float(given_float) is given_float


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_view_of_any_tree_of_subsets_and_concatenations_equals_item_access(data):
    dataset = tensor_dataset(leaf(12))
    for step in range(data.draw(st.integers(1, 4))):
        if data.draw(st.booleans()):
            index = data.draw(st.lists(st.integers(0, len(dataset) - 1), min_size=1, max_size=20))
            dataset = dataset.subset(index)
        else:
            dataset = dataset.concat(tensor_dataset(leaf(5, 20 + 10 * step)))
    view = view_of(dataset)
    assert view is not None
    x, y, task = view.batch(torch.arange(len(dataset)))
    for position in range(len(dataset)):
        image, label, task_label = dataset[position]
        assert torch.equal(x[position], image)
        assert (int(y[position]), int(task[position])) == (label, task_label)


def test_plain_dataloader_collates_our_batches_as_it_would_samples():
    dataset = tensor_dataset(leaf(10)).concat(tensor_dataset(leaf(4, 50)))
    batches = list(DataLoader(dataset, batch_size=4))
    assert [n for x, _, _ in batches for n in numbers(x)] == [*range(10), *range(50, 54)]
    assert [len(y) for _, y, _ in batches] == [4, 4, 4, 2]


@given(size=st.integers(1, 40), width=st.integers(1, 17), shuffle=st.booleans(), drop=st.booleans())
@settings(max_examples=50, deadline=None)
def test_an_epoch_takes_each_sample_once(size, width, shuffle, drop):
    view = view_of(tensor_dataset(leaf(size)))
    assert view is not None
    loader = TensorLoader(view, width, shuffle=shuffle, drop_last=drop)
    batches = [numbers(x) for x, _, _ in loader]
    assert len(batches) == len(loader)
    seen = [number for batch in batches for number in batch]
    assert len(set(seen)) == len(seen) == (size // width * width if drop else size)


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_span_is_the_batch_of_its_positions(data):
    leaves = tuple(leaf(size, 20 * number, task=number) for number, size in enumerate((7, 5)))
    rows = [(number, row) for number, own in enumerate(leaves) for row in range(len(own))]
    drawn = data.draw(st.one_of(st.just(rows), st.lists(st.sampled_from(rows), min_size=1, max_size=20)))
    view = TensorView(leaves, *(torch.tensor(column) for column in zip(*drawn, strict=True)))
    start = data.draw(st.integers(0, len(view) - 1))
    stop = data.draw(st.integers(start + 1, len(view)))
    for sliced, gathered in zip(view.span(start, stop), view.batch(torch.arange(start, stop)), strict=True):
        assert torch.equal(sliced, gathered)
        assert sliced.dtype == gathered.dtype


def test_a_span_of_floats_is_a_copy():
    stored = TensorLeaf(torch.zeros(4, 1, 2, 2), torch.zeros(4, dtype=torch.int64))
    view = TensorView((stored,), torch.zeros(4, dtype=torch.int64), torch.arange(4))
    x, y, _ = view.span(1, 3)
    x.add_(1)
    y.add_(1)
    assert not stored.x.any()
    assert not stored.y.any()


@given(size=st.integers(1, 40), width=st.integers(1, 17), drop=st.booleans())
@settings(max_examples=50, deadline=None)
def test_a_loader_in_order_yields_what_gathering_yields(size, width, drop):
    view = view_of(tensor_dataset(leaf(size)))
    assert view is not None
    loader = TensorLoader(view, width, shuffle=False, drop_last=drop)
    gathered = [view.batch(index) for index in loader.indices()]
    batches = list(loader)
    assert len(batches) == len(gathered)
    for mine, theirs in zip(batches, gathered, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(mine, theirs, strict=True))


def test_shuffling_draws_from_the_global_generator():
    view = view_of(tensor_dataset(leaf(30)))
    assert view is not None
    loader = TensorLoader(view, 30, shuffle=True)
    torch.manual_seed(1)
    first = [numbers(x) for x, _, _ in loader]
    second = [numbers(x) for x, _, _ in loader]
    torch.manual_seed(1)
    assert [numbers(x) for x, _, _ in loader] == first != second


def test_replay_loader_keeps_avalanches_batch_make_up():
    data, memory = tensor_dataset(leaf(20)), tensor_dataset(leaf(3, 100))
    stock = ReplayDataLoader(data, memory, oversample_small_tasks=True, batch_size=8, batch_size_mem=2, shuffle=True)
    fast = tensor_loader_like(stock)
    assert isinstance(fast, JointTensorLoader)
    ours, theirs = list(fast), list(stock)
    assert len(ours) == len(theirs) == len(fast)
    for (x, y, task), (other, _, _) in zip(ours, theirs, strict=True):
        assert len(x) == len(y) == len(task) == len(other)
        assert sum(n >= 100 for n in numbers(x)) == sum(n >= 100 for n in numbers(other))
    assert sorted(n for x, _, _ in ours for n in numbers(x) if n < 100) == list(range(20))


def test_other_loaders_are_left_alone():
    assert tensor_loader_like(DataLoader(tensor_dataset(leaf(4)))) is None


@given(sizes=st.lists(st.integers(1, 6), min_size=1, max_size=5), seed=st.integers(0, 1_000))
def test_a_joined_view_gives_the_same_batches(sizes, seed):
    generator = torch.Generator().manual_seed(seed)
    leaves = tuple(
        TensorLeaf(
            torch.randint(0, 256, (size, 1, 2, 2), dtype=torch.uint8, generator=generator),
            torch.randint(0, 9, (size,), generator=generator),
        )
        for size in sizes
    )
    which = torch.cat([torch.full((size,), number) for number, size in enumerate(sizes)])
    rows = torch.cat([torch.arange(size) for size in sizes])
    order = torch.randperm(len(rows), generator=generator)[: max(1, len(rows) - 2)]
    view = TensorView(leaves, which[order], rows[order])
    joined = view.joined()
    assert len(joined.leaves) == 1
    index = torch.randperm(len(view), generator=generator)
    for mine, theirs in zip(view.batch(index), joined.batch(index), strict=True):
        assert torch.equal(mine, theirs)


def test_views_of_several_tasks_stay_apart():
    leaves = tuple(TensorLeaf(torch.zeros(2, 1, 2, 2), torch.zeros(2, dtype=torch.int64), task) for task in (0, 1))
    view = TensorView(leaves, torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 0, 1]))
    assert view.joined() is view
