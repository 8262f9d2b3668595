"""A small vision transformer: an expert that attends over the patches of an image."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from morph_cl.errors import UsageError
from morph_cl.morph.options import TransformerExpertOptions

# Larger than published: an expert has one pass over little data, and learns where a patch lies several times sooner.
_POSITION_SCALE = 0.5  # standard deviation of initial positions
_EMBED_SCALE = 4.0  # factor on initial weights of the embedding, by 1 / sqrt(pixels): most pixels of a digit are dark


class Block(nn.Module):
    """Attention and a hidden layer, each normalised first and added to what came in.

    Args:
        width: numbers that describe a patch.
        heads: attention heads; divides ``width``.
        hidden: width of the hidden layer.
    """

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention = nn.LayerNorm(width)
        self.project = nn.Linear(width, 3 * width)
        self.gather = nn.Linear(width, width)
        self.norm_hidden = nn.LayerNorm(width)
        self.hidden = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def forward(self, x: Tensor) -> Tensor:
        """Patches (B, N, width) to patches of the same shape."""
        x = x + self._attend(self.norm_attention(x))
        mixed: Tensor = x + self.hidden(self.norm_hidden(x))
        return mixed

    def _attend(self, x: Tensor) -> Tensor:
        # (B, N, 3 * width) -> three of (B, heads, N, width / heads)
        query, key, value = self.project(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(query, key, value)
        gathered: Tensor = self.gather(mixed.transpose(1, 2).flatten(2))
        return gathered


class PatchTransformer(nn.Module):
    """Patches with learned positions, attention blocks, and a linear head over the mean of the patches.

    Args:
        input_shape: (C, H, W).
        classes: width of the output.
        options: sizes.

    Raises:
        UsageError: ``patch`` does not divide the image's height and width.

    Source: Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021; mean instead of a class token as in
    Beyer et al., "Better plain ViT baselines for ImageNet-1k", 2022.
    """

    def __init__(self, input_shape: tuple[int, int, int], classes: int, options: TransformerExpertOptions) -> None:
        super().__init__()
        channels, height, width = input_shape
        _check_patch(options.patch, height, width)
        patches = (height // options.patch) * (width // options.patch)
        self.embed = nn.Conv2d(channels, options.width, options.patch, stride=options.patch)
        bound = _EMBED_SCALE / math.sqrt(channels * options.patch**2)
        nn.init.uniform_(self.embed.weight, -bound, bound)
        self.positions = nn.Parameter(_POSITION_SCALE * torch.randn(patches, options.width))
        hidden = max(1, round(options.mlp_ratio * options.width))
        self.blocks = nn.Sequential(*[Block(options.width, options.heads, hidden) for _ in range(options.depth)])
        self.norm = nn.LayerNorm(options.width)
        self.head = nn.Linear(options.width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, classes) of images (B, C, H, W)."""
        patches = self.embed(x).flatten(2).transpose(1, 2) + self.positions  # (B, N, width)
        logits: Tensor = self.head(self.norm(self.blocks(patches)).mean(1))
        return logits


def _check_patch(patch: int, height: int, width: int) -> None:
    common = math.gcd(height, width)
    if common % patch:
        allowed = ", ".join(str(size) for size in range(1, common + 1) if common % size == 0)
        raise UsageError(
            f"patch={patch} does not divide an image of {height}x{width}; set transformer.patch to one of {allowed}."
        )
