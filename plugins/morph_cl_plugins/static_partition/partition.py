"""The partitioned network: blocks of units that belong to tags, computed for their own images only."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from morph_cl_plugins.static_partition.tags import Path, TagTree
from morph_cl_plugins.static_partition.widths import LayerWidths

Edges = list[int]
"""Where the images of each tag begin in a batch sorted by tag, and where those of the last one end."""


class HiddenLayer(nn.Module):
    """One block of units a tag, and one that all tags share.

    A tag's block sees the block below that it lies within, and the shared one; the shared block sees the shared one.

    Args:
        spans: for each block the tags, first and one after the last, that use it.
        parents: for each block the one below that it lies within.
        blocks: the tags' own blocks.
        shared: the shared block, or None.
    """

    def __init__(
        self,
        spans: Sequence[tuple[int, int]],
        parents: Sequence[int],
        blocks: Sequence[nn.Module],
        shared: nn.Module | None,
    ) -> None:
        super().__init__()
        self.spans = tuple(spans)
        self.parents = tuple(parents)
        self.blocks = nn.ModuleList(blocks)
        self.shared = shared

    def forward(
        self, below: list[tuple[int, Tensor]], common: Tensor | None, edges: Edges
    ) -> tuple[list[tuple[int, Tensor]], Tensor | None]:
        """Compute the blocks that have images.

        Args:
            below: for each block below its first row and its units, (n, width, ...); no rows where it has no images.
            common: (B, width, ...) units of the shared block below, or None.
            edges: of the sorted batch.

        Returns:
            The same two of this layer.
        """
        parts = []
        for block, parent, (first, last) in zip(self.blocks, self.parents, self.spans, strict=True):
            start, stop = edges[first], edges[last]
            base, units = below[parent]
            own = units[start - base : stop - base]
            if stop > start:
                own = block(own if common is None else torch.cat([own, common[start:stop]], 1))
            parts.append((start, own))
        return parts, None if self.shared is None else self.shared(common if common is not None else below[0][1])


class Partition(nn.Module):
    """Hidden layers owned by tags, and an output layer that all share.

    The output layer's columns are stored with the units that they belong to, so that a training step leaves those of
    other tags without a gradient and the optimizer does not move them.

    Args:
        tree: the tags.
        layers: the units of each hidden layer.
        input_shape: (C, H, W).
        classes: number of classes.
        network: ``mlp``, or ``cnn`` whose units are channels of 3x3 convolutions, each with a 2x2 maximum.
    """

    def __init__(
        self,
        tree: TagTree,
        layers: Sequence[LayerWidths],
        input_shape: tuple[int, int, int],
        classes: int,
        network: str,
    ) -> None:
        super().__init__()
        self.tags = len(tree.paths)
        convolutional = network == "cnn"
        channels, height, width = input_shape
        fan_in = LayerWidths({(): channels if convolutional else math.prod(input_shape)}, 0)
        self.flatten = nn.Identity() if convolutional else nn.Flatten()
        self.layers = nn.ModuleList()
        for below, layer in itertools.pairwise([fan_in, *layers]):
            self.layers.append(_hidden_layer(tree, below, layer, convolutional))
            height, width = math.ceil(height / 2), math.ceil(width / 2)
        positions = height * width if convolutional else 1
        last = layers[-1]
        self.columns = nn.ModuleList(_columns(units * positions, classes) for units in last.owned.values())
        self.shared_columns = _columns(last.shared * positions, classes) if last.shared else None
        self.bias = nn.Parameter(torch.zeros(classes))

    def forward(self, x: Tensor, tags: Tensor) -> Tensor:
        """Answer with the tagged parts alone.

        Args:
            x: (B, C, H, W) images.
            tags: (B,) int64, the tag of each.

        Returns:
            (B, classes) logits.
        """
        order = tags.argsort()
        edges = [0, *tags.bincount(minlength=self.tags).cumsum(0).tolist()]
        parts, common = [(0, self.flatten(x)[order])], None
        for layer in self.layers:
            parts, common = layer(parts, common, edges)
        answers = [columns(own) for columns, (_, own) in zip(self.columns, parts, strict=True) if len(own)]
        logits = torch.cat(answers) + self.bias
        if self.shared_columns is not None:
            logits = logits + self.shared_columns(common)
        return torch.empty_like(logits).index_copy(0, order, logits)


def _hidden_layer(tree: TagTree, below: LayerWidths, layer: LayerWidths, convolutional: bool) -> HiddenLayer:
    shared_input = below.shared or below.owned.get((), 0)
    nodes_below: list[Path] = list(below.owned)
    spans, parents, blocks = [], [], []
    for node, units in layer.owned.items():
        parent = next(other for other in nodes_below if node[: len(other)] == other)
        spans.append(tree.span(node))
        parents.append(nodes_below.index(parent))
        blocks.append(_block(below.owned[parent] + below.shared, units, convolutional))
    shared = _block(shared_input, layer.shared, convolutional) if layer.shared else None
    return HiddenLayer(spans, parents, blocks, shared)


def _block(fan_in: int, units: int, convolutional: bool) -> nn.Module:
    if not convolutional:
        return nn.Sequential(nn.Linear(fan_in, units), nn.ReLU())
    # The maximum before ReLU: the same function on a quarter of the numbers.
    return nn.Sequential(nn.Conv2d(fan_in, units, 3, padding=1), nn.MaxPool2d(2, ceil_mode=True), nn.ReLU())


def _columns(units: int, classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(units, classes, bias=False))
