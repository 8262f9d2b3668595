"""The bundled experts: what builds one for a stream."""

from __future__ import annotations

import math

from torch import nn

from morph_cl.bridge.classifier import cnn_features, mlp_features
from morph_cl.morph.options import CnnExpertOptions, MlpExpertOptions, TransformerExpertOptions
from morph_cl.morph.transformer import PatchTransformer

_WIDEST = 256  # of a layer whose width is not given


def build_mlp(input_shape: tuple[int, int, int], classes: int, options: MlpExpertOptions) -> nn.Module:
    """A multilayer perceptron.

    Args:
        input_shape: (C, H, W).
        classes: width of the output.
        options: ``hidden``, or ``max_bytes``.

    Returns:
        A module from (B, C, H, W) to (B, classes) logits.
    """
    hidden = options.hidden or (fitting_width(math.prod(input_shape), classes, options.max_bytes),) * 2
    features, width = mlp_features(input_shape, hidden)
    return nn.Sequential(features, nn.Linear(width, classes))


def fitting_width(pixels: int, classes: int, max_bytes: int | None) -> int:
    """How wide two equal hidden layers may be.

    Args:
        pixels: width of the input.
        classes: width of the output.
        max_bytes: bytes of all weights in single precision; None sets no limit.

    Returns:
        The largest width in 4..256 whose weights fit; 4 where none does.
    """
    if max_bytes is None:
        return _WIDEST
    # width^2 + (pixels + classes + 2) width + classes parameters.
    linear, room = pixels + classes + 2, max(max_bytes // 4 - classes, 0)
    return min(max((math.isqrt(linear * linear + 4 * room) - linear) // 2, 4), _WIDEST)


def build_cnn(input_shape: tuple[int, int, int], classes: int, options: CnnExpertOptions) -> nn.Module:
    """A small convolutional network.

    Args:
        input_shape: (C, H, W).
        classes: width of the output.
        options: ``channels``.

    Returns:
        A module from (B, C, H, W) to (B, classes) logits.
    """
    features, width = cnn_features(input_shape, options.channels)
    return nn.Sequential(features, nn.Linear(width, classes))


def build_transformer(input_shape: tuple[int, int, int], classes: int, options: TransformerExpertOptions) -> nn.Module:
    """A small transformer over patches.

    Args:
        input_shape: (C, H, W).
        classes: width of the output.
        options: ``patch``, ``width``, ``heads``, ``depth`` and ``mlp_ratio``.

    Returns:
        A module from (B, C, H, W) to (B, classes) logits.

    Raises:
        UsageError: ``patch`` does not divide the image's height and width.
    """
    return PatchTransformer(input_shape, classes, options)
