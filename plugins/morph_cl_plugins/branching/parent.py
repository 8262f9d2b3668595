"""The parent: a network over all classes, trained first and frozen then."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from morph_cl_plugins.branching.expert import Expert, Standardiser, dense_blocks
from morph_cl_plugins.branching.options import BranchingOptions

_GRID = 4


class DenseParent(Expert):
    """Fully connected hidden layers on the flat image.

    Args:
        input_shape: (C, H, W).
        classes: number of classes.
        hidden: width of each layer.
        dropout: in [0, 1).
    """

    def __init__(self, input_shape: tuple[int, int, int], classes: int, hidden: Sequence[int], dropout: float) -> None:
        blocks, macs = dense_blocks(math.prod(input_shape), hidden, dropout)
        super().__init__(Standardiser(input_shape), blocks, hidden, macs, range(classes))

    def enter(self, x: Tensor) -> Tensor:
        """Images (B, C, H, W), standardised and flat."""
        return super().enter(x).flatten(1)


class ConvParent(Expert):
    """3x3 convolutions, each halving the image; a layer's features are its means over a grid of 4x4 or less.

    Args:
        input_shape: (C, H, W).
        classes: number of classes.
        hidden: channels of each convolution.
        dropout: of whole channels, in [0, 1).
    """

    def __init__(self, input_shape: tuple[int, int, int], classes: int, hidden: Sequence[int], dropout: float) -> None:
        blocks: list[nn.Module] = []
        widths, macs = [], []
        fan_in, height, width = input_shape
        for channels in hidden:
            macs.append(9 * fan_in * channels * height * width)
            pool = nn.MaxPool2d(2, ceil_mode=True)
            blocks.append(
                nn.Sequential(nn.Conv2d(fan_in, channels, 3, padding=1), nn.ReLU(), pool, nn.Dropout2d(dropout))
            )
            fan_in, height, width = channels, -(-height // 2), -(-width // 2)
            widths.append(channels * min(height, _GRID) * min(width, _GRID))
        super().__init__(Standardiser(input_shape), blocks, widths, macs, range(classes))

    def vector(self, h: Tensor) -> Tensor:
        """Features (B, width) of the maps (B, channels, H, W) of a convolution."""
        grid = min(h.shape[2], _GRID), min(h.shape[3], _GRID)
        return functional.adaptive_avg_pool2d(h, grid).flatten(1)


def build_parent(input_shape: tuple[int, int, int], classes: int, options: BranchingOptions) -> Expert:
    """The parent that the options ask for.

    Args:
        input_shape: (C, H, W).
        classes: number of classes.
        options: network, widths and dropout.

    Returns:
        A fresh parent.
    """
    make = DenseParent if options.network == "mlp" else ConvParent
    return make(input_shape, classes, options.hidden, options.dropout)
