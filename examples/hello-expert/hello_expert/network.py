"""The network: one hidden layer of maxout units.

Source: Goodfellow, Warde-Farley, Mirza, Courville and Bengio, Maxout Networks, ICML 2013.
"""

from __future__ import annotations

import math

from torch import Tensor, nn

from hello_expert.plugin import MaxoutOptions


class MaxoutExpert(nn.Module):
    """Images to logits through maxout units.

    Args:
        input_shape: (C, H, W) of an image.
        classes: number of logits.
        width: maxout units.
        pieces: linear functions of which each unit takes the largest.
    """

    def __init__(self, input_shape: tuple[int, int, int], classes: int, width: int, pieces: int) -> None:
        super().__init__()
        self.pieces = pieces
        self.hidden = nn.Linear(math.prod(input_shape), width * pieces)
        self.head = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, classes) of images (B, C, H, W)."""
        pieces = self.hidden(x.flatten(1)).unflatten(1, (-1, self.pieces))  # (B, width, pieces)
        logits: Tensor = self.head(pieces.amax(2))  # (B, width) -> (B, classes)
        return logits


def build(input_shape: tuple[int, int, int], classes: int, options: MaxoutOptions) -> nn.Module:
    """Build the expert for a stream.

    Args:
        input_shape: (C, H, W) of an image.
        classes: number of classes.
        options: width and pieces.

    Returns:
        The network.
    """
    return MaxoutExpert(input_shape, classes, options.width, options.pieces)
