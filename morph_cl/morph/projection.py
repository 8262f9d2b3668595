"""The projection that all concepts live in, and the monomials that their densities are linear in."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor, nn

_SMALL = 256  # samples up to which one gather of all pairs is faster than a product for each row


class Projection(nn.Module):
    """Principal components of a first window of inputs and, as one more axis, the logarithm of what they leave out.

    Each axis is scaled to unit variance on the window. Once fitted it never changes: sums gathered in it stay valid.

    Args:
        dims: most principal components.
    """

    NAMES = ("mean", "basis", "shift", "scale")

    mean: Tensor
    basis: Tensor
    shift: Tensor
    scale: Tensor

    def __init__(self, dims: int) -> None:
        super().__init__()
        self.dims = dims
        for name in self.NAMES:
            self.register_buffer(name, torch.empty(0), persistent=False)

    @property
    def fitted(self) -> bool:
        """Whether the axes are fixed."""
        return self.basis.numel() > 0

    @property
    def width(self) -> int:
        """Number of axes, 0 before the fit."""
        return self.basis.shape[1] + 1 if self.fitted else 0

    @torch.no_grad()
    def fit(self, x: Tensor) -> None:
        """Fix the axes.

        Args:
            x: (N, ...) inputs, at least two.
        """
        flat = x.flatten(1)
        self.mean = flat.mean(0)
        centred = (flat - self.mean).double()
        dims = min(self.dims, flat.shape[1], len(flat) - 1)
        _, vectors = torch.linalg.eigh(centred.T @ centred / len(flat))
        self.basis = vectors[:, -dims:].to(flat.dtype).contiguous()
        raw = self._raw(flat)
        self.shift = raw.mean(0)
        self.scale = raw.std(0).clamp_min(1e-3)

    def named(self) -> dict[str, Tensor]:
        """What the axes are made of, by name."""
        return {name: getattr(self, name) for name in self.NAMES}

    def _raw(self, flat: Tensor) -> Tensor:
        centred = flat - self.mean
        inside = centred @ self.basis
        outside = (torch.linalg.vector_norm(centred, dim=1).square() - inside.square().sum(1)).clamp_min(1e-6)
        return torch.cat([inside, outside.log().unsqueeze(1)], 1)

    def forward(self, x: Tensor) -> Tensor:
        """Projected inputs (B, width) of inputs (B, ...)."""
        return (self._raw(x.flatten(1)) - self.shift) / self.scale


@torch.no_grad()
def monomials(z: Tensor, joint: int | None = None) -> Tensor:
    """The products, the values and the one that a quadratic function is linear in.

    Args:
        z: (B, d).
        joint: k, how many of the last axes are multiplied with each other; of those before only squares are taken. None
            multiplies all.

    Returns:
        (:func:`monomial_count`, B): squares of the first d - k axes, then rows z_i * z_j for i <= j of the last k in
        the order of ``torch.triu_indices``, then z, then 1; without a gradient.
    """
    columns = z.T.contiguous()  # (d, B): each block below is a run of whole rows
    width, size = columns.shape
    alone = 0 if joint is None else max(width - joint, 0)
    if size <= _SMALL:
        first, second = _pairs(width, alone, z.device)
        return torch.cat([columns[first] * columns[second], columns, torch.ones_like(columns[:1])])
    found = z.new_empty(monomial_count(width, joint), size)
    torch.mul(columns[:alone], columns[:alone], out=found[:alone])
    start = alone
    for i in range(alone, width):
        torch.mul(columns[i:], columns[i], out=found[start : start + width - i])
        start += width - i
    found[start:-1] = columns
    found[-1] = 1.0
    return found


def monomial_count(width: int, joint: int | None = None) -> int:
    """How many rows :func:`monomials` returns.

    Args:
        width: d, number of axes.
        joint: how many of the last axes are multiplied with each other; None multiplies all.
    """
    together = width if joint is None else min(joint, width)
    return width - together + together * (together + 1) // 2 + width + 1


@lru_cache(maxsize=8)
def _pairs(width: int, alone: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Rows to multiply: the first so many each with itself, the others with each other."""
    squares = torch.arange(alone, device=device)
    first, second = torch.triu_indices(width - alone, width - alone, device=device) + alone
    return torch.cat([squares, first]), torch.cat([squares, second])
