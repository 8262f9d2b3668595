"""The bundled experts: what builds one for a stream."""

from __future__ import annotations

from torch import nn

from morph_cl.bridge.classifier import cnn_features, mlp_features
from morph_cl.morph.options import CnnExpertOptions, MlpExpertOptions, TransformerExpertOptions
from morph_cl.morph.transformer import PatchTransformer


def build_mlp(input_shape: tuple[int, int, int], classes: int, options: MlpExpertOptions) -> nn.Module:
    """A multilayer perceptron.

    Args:
        input_shape: (C, H, W).
        classes: width of the output.
        options: ``hidden``.

    Returns:
        A module from (B, C, H, W) to (B, classes) logits.
    """
    features, width = mlp_features(input_shape, options.hidden)
    return nn.Sequential(features, nn.Linear(width, classes))


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
