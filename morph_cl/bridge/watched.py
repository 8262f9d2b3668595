"""What a drift detector can be told of each training sample, computed before the sample is trained on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from morph_cl.bridge.monitor_options import MonitorOptions

Figures = Sequence[float] | Sequence[Sequence[float]]


class Watched(Protocol):
    """A source of figures."""

    def figures(self, x: Tensor, output: Tensor, y: Tensor, position: int) -> Figures:
        """One figure a sample of a training batch, in order; none where it cannot tell yet.

        Args:
            x: (B, C, H, W) images.
            output: (B, classes) logits before the step.
            y: (B,) int64 classes.
            position: training samples of the stream before the batch.
        """

    def reset(self) -> None:
        """Begin anew after an alarm."""

    def state_dict(self) -> dict[str, Tensor]:
        """What belongs into a checkpoint."""

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take over what :meth:`state_dict` returned."""


class _Stateless:
    def reset(self) -> None:
        """Nothing to forget."""

    def state_dict(self) -> dict[str, Tensor]:
        """Nothing to keep."""
        return {}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Nothing to take over."""


class Answers(_Stateless):
    """Figures of the strategy's own answers.

    Args:
        measure: from logits (B, classes) and classes (B,) to (B,) figures.
    """

    def __init__(self, measure: Callable[[Tensor, Tensor], Tensor]) -> None:
        self.measure = measure

    def figures(self, x: Tensor, output: Tensor, y: Tensor, position: int) -> Figures:  # noqa: ARG002
        """See :class:`Watched`."""
        values: list[float] = self.measure(output.float(), y).tolist()
        return values


class Position(_Stateless):
    """Where each sample stands in the stream."""

    def figures(self, x: Tensor, output: Tensor, y: Tensor, position: int) -> Figures:  # noqa: ARG002
        """See :class:`Watched`."""
        return [float(position + number) for number in range(len(y))]


class Features(_Stateless):
    """Random projections of the pixels: no training changes them, so only the input can.

    Args:
        dims: how many; all pixels as they are where there are no more than that.
    """

    def __init__(self, dims: int) -> None:
        self.dims = dims
        self._projection: Tensor | None = None

    def project(self, x: Tensor) -> Tensor:
        """The features (B, dims) of images (B, C, H, W).

        Args:
            x: images.
        """
        flat = x.flatten(1).float().cpu()
        if flat.shape[1] <= self.dims:
            return flat
        if self._projection is None:
            # Always of the same seed: a checkpoint need not hold it, and no global generator is touched.
            generator = torch.Generator().manual_seed(0)
            self._projection = torch.randn(flat.shape[1], self.dims, generator=generator) / math.sqrt(flat.shape[1])
        return flat @ self._projection

    def figures(self, x: Tensor, output: Tensor, y: Tensor, position: int) -> Figures:  # noqa: ARG002
        """See :class:`Watched`."""
        vectors: list[list[float]] = self.project(x).tolist()
        return vectors


class Novelty:
    """How new an image is: the mean squared distance of its features from those of the first samples, in variances.

    That is the negative log-density of a Gaussian with independent features, up to constants; 1 on average where
    nothing changed. The Gaussian is fitted to the first ``fit`` samples, and again after an alarm.

    Args:
        dims: how many features.
        fit: samples that the Gaussian is fitted to.
    """

    def __init__(self, dims: int, fit: int) -> None:
        self.features = Features(dims)
        self.fit = fit
        self.gathered = torch.empty(0)

    def figures(self, x: Tensor, output: Tensor, y: Tensor, position: int) -> Figures:  # noqa: ARG002
        """See :class:`Watched`; none while the Gaussian is being fitted."""
        features = self.features.project(x)
        if len(self.gathered) < self.fit:
            self.gathered = torch.cat([self.gathered, features]) if len(self.gathered) else features
            return []
        mean, variance = self.gathered.mean(0), self.gathered.var(0)
        known = variance > 1e-12  # a feature that never varied has no scale
        if not bool(known.any()):
            return [0.0] * len(y)
        values: list[float] = ((features - mean).square()[:, known] / variance[known]).mean(1).tolist()
        return values

    def reset(self) -> None:
        """Fit another Gaussian."""
        self.gathered = torch.empty(0)

    def state_dict(self) -> dict[str, Tensor]:
        """The features that the Gaussian is fitted to."""
        return {"gathered": self.gathered}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take over what :meth:`state_dict` returned.

        Args:
            state: that.
        """
        self.gathered = state["gathered"].clone()


def _loss(output: Tensor, y: Tensor) -> Tensor:
    return nn.functional.cross_entropy(output, y, reduction="none")


def _error(output: Tensor, y: Tensor) -> Tensor:
    return (output.argmax(1) != y).float()


def _doubt(output: Tensor, y: Tensor) -> Tensor:  # noqa: ARG001
    return (1 - output.softmax(1).max(1).values).clamp(0, 1)


def make_watched(watch: str, options: MonitorOptions) -> Watched:
    """The source of a kind of figures.

    Args:
        watch: ``loss``, ``error``, ``confidence``, ``density``, ``features`` or ``position``.
        options: ``dims`` and ``fit``.

    Returns:
        The source.
    """
    makers: dict[str, Callable[[], Any]] = {
        "loss": lambda: Answers(_loss),
        "error": lambda: Answers(_error),
        "confidence": lambda: Answers(_doubt),
        "density": lambda: Novelty(options.dims, options.fit),
        "features": lambda: Features(options.dims),
        "position": Position,
    }
    source: Watched = makers[watch]()
    return source
