"""What it saves to compute only the tagged part: prints a table of median milliseconds of one core.

The same network twice: as the plugin ``static-partition`` computes it, and whole, with the units of other tags set to
zero. Both give the same answers. Tags own like shares of the units and are drawn at random, as the images are; the
gate, the same in both, is left out. Adam takes the same time in both where a batch has images of all tags.

Times are those that the process has the core for.

::

    python benchmarks/partition.py
    python benchmarks/partition.py --hidden 2048 --tags 2 8
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from morph_cl_plugins.static_partition.options import PartitionOptions
from morph_cl_plugins.static_partition.partition import Partition
from morph_cl_plugins.static_partition.tags import build_tags
from morph_cl_plugins.static_partition.widths import divide_units
from torch import Tensor, nn

SHAPE, PREDICTIONS = (1, 28, 28), 1_000

Batch = tuple[Tensor, Tensor, Tensor]
"""Images (B, C, H, W), tags (B,) and classes (B,)."""


class MaskedPartition(nn.Module):
    """A partition with one hidden layer, computed whole.

    Args:
        partition: what it takes its weights from.
    """

    def __init__(self, partition: Partition) -> None:
        super().__init__()
        (layer,) = partition.layers
        blocks = [block[0] for block in layer.blocks]
        self.weight = nn.Parameter(torch.cat([block.weight for block in blocks]).detach())
        self.hidden_bias = nn.Parameter(torch.cat([block.bias for block in blocks]).detach())
        self.columns = nn.Parameter(torch.cat([columns[1].weight for columns in partition.columns], 1).detach())
        self.bias = nn.Parameter(partition.bias.detach().clone())
        owner = torch.repeat_interleave(torch.tensor([block.out_features for block in blocks]))
        self.register_buffer("mask", (owner == torch.arange(len(blocks))[:, None]).float())

    def forward(self, x: Tensor, tags: Tensor) -> Tensor:
        """Logits (B, classes) of images (B, C, H, W) by tags (B,)."""
        hidden = nn.functional.linear(x.flatten(1), self.weight, self.hidden_bias).relu() * self.mask[tags]
        return nn.functional.linear(hidden, self.columns, self.bias)


def make_partition(tags: int, hidden: int) -> Partition:
    """A partition of 784 inputs, with one class a tag or ten classes, whichever is more."""
    classes = max(10, tags)
    groups = [[label for label in range(classes) if label % tags == tag] for tag in range(tags)]
    options = PartitionOptions(tags=groups, hidden=(hidden,))
    tree = build_tags(options, classes, 1)
    return Partition(tree, divide_units(options, tree), SHAPE, classes, "mlp")


def gradient(network: nn.Module) -> Callable[[Batch], object]:
    """Forward and backward of a batch."""

    def compute(batch: Batch) -> None:
        x, tags, y = batch
        network.zero_grad()
        nn.functional.cross_entropy(network(x, tags), y).backward()

    return compute


def training_step(network: nn.Module) -> Callable[[Batch], object]:
    """Forward, backward and Adam of a batch."""
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    compute = gradient(network)

    def step(batch: Batch) -> None:
        compute(batch)
        optimizer.step()

    return step


def prediction(network: nn.Module) -> Callable[[Batch], object]:
    """A forward pass on a batch."""
    return torch.no_grad()(lambda batch: network(batch[0], batch[1]))


def median_ms(calls: list[Callable[[Batch], object]], batches: list[Batch]) -> list[float]:
    """Median milliseconds of each call on a batch, in turns; the first five warm up."""
    times: list[list[float]] = [[] for _ in calls]
    for batch in batches:
        for call, own in zip(calls, times, strict=True):
            start = time.process_time()
            call(batch)
            own.append(time.process_time() - start)
    return [1e3 * statistics.median(own[5:]) for own in times]


def make_batches(count: int, size: int, tags: int) -> list[Batch]:
    """Random images, tags, and classes with these tags."""
    drawn = [torch.randint(tags, (size,)) for _ in range(count)]
    return [(torch.rand(size, *SHAPE), tag, tag) for tag in drawn]


def main() -> None:
    """Time both for every number of tags."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tags", type=int, nargs="*", default=[2, 4, 8, 16], help="numbers of tags")
    parser.add_argument("--hidden", type=int, default=1_024, help="hidden units, all tags together")
    parser.add_argument("--batch", type=int, default=128, help="images a training step")
    parser.add_argument("--rounds", type=int, default=105, help="steps and predictions that are timed")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(f"{'':>6}{'forward, backward':>24}{'with Adam':>24}{f'{PREDICTIONS:,} predictions':>24}")
    print(f"{'tags':>6}" + f"{'sparse':>8}{'masked':>8}{'x':>8}" * 3, flush=True)
    for tags in arguments.tags:
        sparse = make_partition(tags, arguments.hidden)
        masked = MaskedPartition(sparse)
        images = make_batches(max(15, arguments.rounds // 5), PREDICTIONS, tags)
        torch.testing.assert_close(sparse(*images[0][:2]), masked(*images[0][:2]))
        both = (sparse, masked)
        predictions = median_ms([prediction(network) for network in both], images)
        batches = make_batches(arguments.rounds, arguments.batch, tags)
        gradients = median_ms([gradient(network) for network in both], batches)
        steps = median_ms([training_step(network) for network in both], batches)
        cells = [f"{fast:8.2f}{slow:8.2f}{slow / fast:8.1f}" for fast, slow in (gradients, steps, predictions)]
        print(f"{tags:6d}" + "".join(cells), flush=True)


if __name__ == "__main__":
    main()
