"""Frames: the affine map through which an expert looks at images, so that a turned world is one that it knows."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor, nn

LEAST_SIDE = 8
"""Pixels: what has fewer rows or columns is no image to turn."""


def identity(like: Tensor | None = None) -> Tensor:
    """The frame (2, 3) that leaves images as they are.

    Args:
        like: gives type and device; None takes float32 on the CPU.
    """
    eye = torch.eye(2, 3)
    return eye if like is None else eye.to(like)


class Framed(nn.Module):
    """A network behind a frame.

    Args:
        net: from (B, C, H, W) to (B, classes) logits.

    Attributes:
        frame: (2, 3): where each pixel that the network sees lies in the image, in -1..1 of its width and height.
        family: number of the expert whose view of the world the network shares: what one of a family has learned, seen
            through its frame, all of them can learn from.

    Source: the sampling grid of Jaderberg et al., "Spatial Transformer Networks", NeurIPS 2015; here the map is
    searched for, and belongs to an expert instead of an image.
    """

    frame: Tensor
    family: Tensor

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("frame", identity())
        self.register_buffer("family", torch.zeros((), dtype=torch.int64))

    def forward(self, x: Tensor, frames: Tensor | None = None) -> Tensor:
        """Logits.

        Args:
            x: (B, C, H, W).
            frames: (2, 3) or (B, 2, 3) in place of the network's own; the identity for images already seen through it.

        Returns:
            (B, classes).
        """
        logits: Tensor = self.net(seen_through(x, self.frame if frames is None else frames))
        return logits


def seen_through(x: Tensor, frames: Tensor) -> Tensor:
    """Images as they look through frames.

    Args:
        x: (B, C, H, W) float images; 0 comes in from outside.
        frames: (2, 3) for all, or (B, 2, 3).

    Returns:
        (B, C, H, W); ``x`` itself where nothing is turned.
    """
    turned = (frames.float() - identity(frames).float()).abs().flatten(-2).amax(-1) > 1e-6
    if not bool(turned.any()):
        return x
    return sampled(x, frames.to(x).expand(len(x), 2, 3))


def sampled(x: Tensor, frames: Tensor) -> Tensor:
    """Each image through a frame of its own.

    Args:
        x: (B, C, H, W) float images; 0 comes in from outside.
        frames: (B, 2, 3) of the type of ``x``.

    Returns:
        (B, C, H, W).
    """
    places = pixel_places(x) @ frames.flatten(0, 1).T  # (H * W, B * 2): several times faster than affine_grid
    grid = places.view(*x.shape[2:], len(x), 2).permute(2, 0, 1, 3)
    return nn.functional.grid_sample(x, grid, align_corners=False)


def pixel_places(x: Tensor) -> Tensor:
    """(H * W, 3) column, row and 1 of each pixel of images (B, C, H, W), the first two in -1..1."""
    places: Tensor = _pixel_places(x.shape[2], x.shape[3], x.device)
    return places


@lru_cache(maxsize=8)
def _pixel_places(height: int, width: int, device: torch.device) -> Tensor:
    rows, columns = ((torch.arange(size, device=device) * 2 + 1) / size - 1 for size in (height, width))
    grid = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), -1).flatten(0, 1)
    return torch.cat([grid, torch.ones_like(grid[:, :1])], 1)


def borrowed(frame: Tensor, lender: Tensor) -> Tensor:
    """The frame through which images of one expert's context look as those of another's do before its own frame.

    Args:
        frame: (2, 3) the one expert's.
        lender: (2, 3) the other's.

    Returns:
        (2, 3).
    """
    last = torch.tensor([[0.0, 0.0, 1.0]], device=frame.device)
    whole, other = torch.cat([frame.float(), last]), torch.cat([lender.float(), last])
    back: Tensor = torch.linalg.inv(other)
    return (whole @ back)[:2]


def turns(frame: Tensor, count: int) -> Tensor:
    """A frame turned about the image's centre by equal steps, all the way round.

    Args:
        frame: (2, 3).
        count: of steps.

    Returns:
        (count, 2, 3), the frame itself first.
    """
    angle = torch.arange(count, device=frame.device) * (2 * torch.pi / count)
    cos, sin = angle.cos(), angle.sin()
    turn = torch.stack([torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)], 1)  # (count, 2, 2)
    return turn @ frame.float()


def steps_around(frame: Tensor, degrees: tuple[float, ...], stretch: float, shift: float) -> Tensor:
    """A frame and its neighbours: turned, stretched, sheared and shifted a little, one change each.

    Args:
        frame: (2, 3).
        degrees: turns, each taken both ways.
        stretch: change of scale, and of shear, both ways.
        shift: of half the image, both ways.

    Returns:
        (N, 2, 3), the frame itself first.
    """
    eye = torch.eye(3)
    changes = [eye]
    for sign in (1.0, -1.0):
        for degree in degrees:
            angle = torch.tensor(sign * degree).deg2rad()
            turn = eye.clone()
            turn[:2, :2] = torch.stack(
                [torch.stack([angle.cos(), -angle.sin()]), torch.stack([angle.sin(), angle.cos()])]
            )
            changes.append(turn)
        for row, column, amount in ((0, 0, stretch), (1, 1, stretch), (0, 1, stretch), (0, 2, shift), (1, 2, shift)):
            change = eye.clone()
            change[row, column] += sign * amount
            changes.append(change)
    whole = torch.cat([frame.float().cpu(), eye[2:]])  # (3, 3)
    return (torch.stack(changes) @ whole)[:, :2].to(frame.device)


def turn_of(frame: Tensor) -> float:
    """How far a frame is turned, in degrees, in -180..180.

    Args:
        frame: (2, 3).
    """
    cos, sin = float(frame[0, 0] + frame[1, 1]), float(frame[1, 0] - frame[0, 1])
    return float(torch.atan2(torch.tensor(sin), torch.tensor(cos)).rad2deg())
