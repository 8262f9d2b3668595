"""What the gate learns by: the owners of memory samples, balanced use, small logits, and noise in training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from morph_cl.morph.gate import Gate
    from morph_cl.morph.options import MorphOptions


def noisy(logits: Tensor, scale: float, *, training: bool) -> Tensor:
    """Add normal noise in training, so that close experts take turns; nothing is drawn at scale 0.

    Args:
        logits: (B, E).
        scale: standard deviation of the noise.
        training: whether the gate is in training mode; without it the logits come back as they are.

    Returns:
        (B, E).

    Source: Shazeer et al., "Outrageously Large Neural Networks", ICLR 2017; with one fixed scale, and without their cut
    to the top k, beyond which the loss of an owner would be infinite.
    """
    return logits + scale * torch.randn_like(logits) if training and scale > 0 else logits


def owner_shares(rows: Tensor, experts: int) -> Tensor:
    """How much of memory each expert owns; one sample more an expert is counted, so that no share is zero.

    Args:
        rows: (N,) int64, the row of each sample's owner.
        experts: E.

    Returns:
        (E,) shares that sum to 1.
    """
    counts = torch.bincount(rows, minlength=experts) + 1.0
    return counts / counts.sum()


def balance_loss(logits: Tensor, shares: Tensor) -> Tensor:
    """How far the gate's use of experts is from the shares that they should have: 1 at the shares, more elsewhere.

    With p the mean probability of each expert the loss is the sum of p^2 / share, for equal shares E * sum(p^2).
    MORPH's experts own different numbers of samples, so their shares of memory are the target: equal use would teach
    the gate to send images away from their owners.

    Args:
        logits: (B, E).
        shares: (E,) positive, sum to 1.

    Returns:
        A scalar, at least 1.

    Source: Fedus et al., "Switch Transformers", JMLR 2022, with mean probabilities in place of counted choices too.
    """
    used = logits.softmax(1).mean(0)
    return (used.square() / shares).sum()


def z_loss(logits: Tensor) -> Tensor:
    """The mean square of the log of the summed exponentials: large logits, and a common shift of them, cost.

    Args:
        logits: (B, E).

    Returns:
        A scalar, at least 0.

    Source: Zoph et al., "ST-MoE: Designing Stable and Transferable Sparse Expert Models", 2022.
    """
    return logits.logsumexp(1).square().mean()


def memory_loss(gate: Gate, x: Tensor, rows: Tensor, owners: Tensor | None, options: MorphOptions) -> Tensor:
    """What the gate minimises on samples drawn from memory.

    Args:
        gate: the gate.
        x: (B, C, H, W) drawn samples.
        rows: (B,) int64, the rows of their owners.
        owners: (N,) int64, the rows of the owners of all of memory; None where ``gate_balance`` is 0.
        options: ``gate_noise``, ``gate_balance`` and ``gate_z``.

    Returns:
        A scalar.
    """
    logits = gate.logits(x)
    loss = nn.functional.cross_entropy(noisy(logits, options.gate_noise, training=gate.training), rows)
    if owners is not None:
        loss = loss + options.gate_balance * balance_loss(logits, owner_shares(owners, len(gate)))
    if options.gate_z:
        loss = loss + options.gate_z * z_loss(logits)
    return loss
