"""A modulator: from an image and the error signal to a gain for each unit of a layer."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class Modulator(nn.Module):
    """Two layers with a hyperbolic tangent, over image and error signal side by side.

    The image is the same in every iteration, so its part of the first layer is computed once.

    Args:
        pixels: C * H * W of an image.
        classes: width of the error signal.
        hidden: width of the hidden layer.
        units: units of the modulated layer.
        strength: how far a gain can be from 1, in (0, 1].
    """

    def __init__(self, pixels: int, classes: int, hidden: int, units: int, strength: float) -> None:
        super().__init__()
        self.pixels = pixels
        self.strength = strength
        self.input = nn.Linear(pixels + classes, hidden)
        self.output = nn.Linear(hidden, units)

    def see(self, x: Tensor) -> Tensor:
        """The image's part of the hidden layer.

        Args:
            x: (B, C, H, W).

        Returns:
            (B, hidden), before the activation.
        """
        return functional.linear(x.flatten(1), self.input.weight[:, : self.pixels], self.input.bias)

    def forward(self, seen: Tensor, error: Tensor) -> Tensor:
        """The gains of all units.

        Args:
            seen: (B, hidden), what :meth:`see` gave.
            error: (B, classes).

        Returns:
            (B, units) in [1 - strength, 1 + strength].
        """
        hidden = functional.relu(seen + functional.linear(error, self.input.weight[:, self.pixels :]))
        gains: Tensor = 1 + self.strength * self.output(hidden).tanh()
        return gains
