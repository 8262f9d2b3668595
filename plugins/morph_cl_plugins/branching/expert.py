"""What parent and branches share: saved normalisation, layers, a head, calibration, and being frozen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

MASKED = -1e9  # finite: infinities turn into NaN where a plugin multiplies them by a zero target
_LEAST_SPREAD = 0.1


class Standardiser(nn.Module):
    """Brings each feature to mean 0 and standard deviation 1, as measured once and saved with the model.

    A feature that hardly varies, such as a pixel at the border, is not blown up: a standard deviation counts as at
    least a tenth of the largest one.

    Args:
        shape: of one sample.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(*shape))
        self.register_buffer("scale", torch.ones(*shape))

    @torch.no_grad()
    def fit(self, batches: Iterable[Tensor]) -> None:
        """Measure mean and standard deviation.

        Args:
            batches: (B, *shape) each.
        """
        count, total, squares = 0, torch.zeros_like(self.mean).double(), torch.zeros_like(self.mean).double()
        for batch in batches:
            count += len(batch)
            total += batch.double().sum(0)
            squares += batch.double().square().sum(0)
        mean = total / max(count, 1)
        spread = (squares / max(count, 1) - mean.square()).clamp(min=0).sqrt()
        self.mean.copy_(mean)
        self.scale.copy_(1 / spread.clamp(min=max(_LEAST_SPREAD * float(spread.max()), 1e-6)))

    def forward(self, x: Tensor) -> Tensor:
        """Standardised samples, of the same shape."""
        return (x - self.mean) * self.scale


class Expert(nn.Module):
    """A network whose hidden layers others may hang on.

    Args:
        standardise: its input's normalisation.
        blocks: hidden layers, each with its activation.
        widths: features of each hidden layer as :meth:`vector` gives them.
        macs: multiply-accumulates of each hidden layer, one sample.
        classes: the classes that its outputs stand for.
    """

    classes: Tensor
    temperature: Tensor
    threshold: Tensor

    def __init__(
        self,
        standardise: Standardiser,
        blocks: Sequence[nn.Module],
        widths: Sequence[int],
        macs: Sequence[int],
        classes: Sequence[int],
    ) -> None:
        super().__init__()
        self.standardise = standardise
        self.blocks = nn.ModuleList(blocks)
        self.widths = tuple(widths)
        self.head = nn.Linear(self.widths[-1], len(classes))
        self.layer_macs = (*macs, self.widths[-1] * len(classes))
        self.frozen = False
        self.register_buffer("classes", torch.tensor(classes, dtype=torch.int64))
        self.register_buffer("temperature", torch.ones(()))
        self.register_buffer("threshold", torch.zeros(()))

    @property
    def macs(self) -> int:
        """Multiply-accumulates of a whole pass, one sample."""
        return sum(self.layer_macs)

    def freeze(self) -> None:
        """End training for good: no gradients, and evaluation mode whatever mode the model around it is in."""
        self.frozen = True
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> Self:
        """Set the mode, unless it is frozen."""
        return super().train(mode and not self.frozen)

    def enter(self, x: Tensor) -> Tensor:
        """Its input, standardised."""
        standard: Tensor = self.standardise(x)
        return standard

    def advance(self, h: Tensor, start: int, stop: int) -> Tensor:
        """Go on from one hidden layer to a later one.

        Args:
            h: activations of layer ``start``, or what :meth:`enter` returned where that is 0.
            start: number of a hidden layer, 0 for none.
            stop: number of a hidden layer.

        Returns:
            The activations of layer ``stop``, behind the activation function.
        """
        for block in self.blocks[start:stop]:
            h = block(h)
        return h

    def hidden(self, x: Tensor, layer: int) -> Tensor:
        """The activations of a hidden layer, numbered from 1, of inputs of the expert."""
        return self.advance(self.enter(x), 0, layer)

    def finish(self, h: Tensor, layer: int) -> Tensor:
        """Logits (B, n) of the expert's own classes from the activations of a hidden layer."""
        logits: Tensor = self.head(self.vector(self.advance(h, layer, len(self.blocks))))
        return logits

    def vector(self, h: Tensor) -> Tensor:
        """Features (B, width) of the activations of a hidden layer."""
        return h

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, n) of the expert's own classes."""
        return self.finish(self.enter(x), 0)

    def calibrated(self, logits: Tensor, allowed: Tensor | None = None) -> Tensor:
        """Logarithms of calibrated probabilities.

        Args:
            logits: (B, n).
            allowed: (B, classes) bool, the classes that may be answered; None allows all.

        Returns:
            (B, n).
        """
        if allowed is not None:
            logits = logits.masked_fill(~allowed[:, self.classes], MASKED)
        return functional.log_softmax(logits / self.temperature, 1)


def dense_blocks(fan_in: int, hidden: Sequence[int], dropout: float) -> tuple[list[nn.Module], list[int]]:
    """Fully connected layers with ReLU and dropout.

    Args:
        fan_in: input features.
        hidden: width of each layer.
        dropout: in [0, 1).

    Returns:
        The layers, and the multiply-accumulates of each.
    """
    blocks: list[nn.Module] = []
    macs = []
    for width in hidden:
        blocks.append(nn.Sequential(nn.Linear(fan_in, width), nn.ReLU(), nn.Dropout(dropout)))
        macs.append(fan_in * width)
        fan_in = width
    return blocks, macs
