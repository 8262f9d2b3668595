"""Which samples of a stream without boundaries are kept from training."""

from __future__ import annotations

import torch
from torch import Tensor


def training_rows(x: Tensor, share: float) -> Tensor:
    """The samples of a batch to learn from; the others are held out.

    The image itself decides, by a number that is spread evenly over images: one that comes again, in a later epoch or
    in another batch, is held out again. A batch of which nothing would be left is learned from as a whole.

    Args:
        x: (B, ...) images.
        share: of the stream to hold out, in [0, 0.5).

    Returns:
        (B,) bool.
    """
    flat = x.flatten(1).double()
    axis = torch.arange(1, flat.shape[1] + 1, dtype=torch.float64, device=x.device)
    stay = (1e4 * (flat @ (axis * 0.6180339887498949).frac())).frac().abs() >= share
    return stay if bool(stay.any()) else torch.ones_like(stay)
