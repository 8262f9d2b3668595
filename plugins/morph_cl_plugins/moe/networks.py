"""What gates and experts are made of."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import nn

from morph_cl import StrategyContext, build_classifier
from morph_cl_plugins.moe.gate import TopKGate
from morph_cl_plugins.moe.mixture import Mixture
from morph_cl_plugins.moe.options import MoeOptions


def build_mixture(context: StrategyContext, options: MoeOptions) -> Mixture:
    """The mixture that the options ask for.

    Args:
        context: the stream.
        options: validated options.

    Returns:
        A module from images to logits over all classes.
    """
    return Mixture(
        _gate(context, options),
        _experts(context, options),
        context.classes,
        standardise=options.standardise,
        dropout=options.dropout,
    )


def _experts(context: StrategyContext, options: MoeOptions) -> Iterator[nn.Module]:
    for _ in range(options.experts):
        if options.expert is not None:
            yield context.build_expert(options.expert, None)
        else:
            yield _network(context, options, context.classes)


def _gate(context: StrategyContext, options: MoeOptions) -> TopKGate:
    count = options.experts
    scores = _linear(context, count) if options.gate == "linear" else _network(context, options, count)
    return TopKGate(scores, options.k, _linear(context, count) if options.noise else None)


def _network(context: StrategyContext, options: MoeOptions, outputs: int) -> nn.Module:
    if options.network == "mlp":
        # The mixture as a whole is masked by task, not each part of it.
        return build_classifier(replace(context, classes=outputs, setting="class"), options)
    return convolutions(context.input_shape, options.hidden, outputs)


def _linear(context: StrategyContext, outputs: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(context.input_shape), outputs))


def convolutions(input_shape: tuple[int, int, int], channels: tuple[int, ...], outputs: int) -> nn.Module:
    """3x3 convolutions with ReLU, each followed by a 2x2 maximum, and a linear layer on what is left.

    Positions are kept, where the registered expert ``cnn`` takes a mean over them: so fewer channels do.

    Args:
        input_shape: (C, H, W).
        channels: of each convolution, at least one.
        outputs: width of the output.

    Returns:
        A module from (B, C, H, W) to (B, outputs).
    """
    depth, height, width = input_shape
    layers: list[nn.Module] = []
    for fan_in, fan_out in itertools.pairwise((depth, *channels)):
        # The maximum before ReLU: the same function on a quarter of the numbers.
        layers += [nn.Conv2d(fan_in, fan_out, 3, padding=1), nn.MaxPool2d(2, ceil_mode=True), nn.ReLU()]
        height, width = math.ceil(height / 2), math.ceil(width / 2)
    network = nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels[-1] * height * width, outputs))
    # Channels last: on one core a training step takes two thirds of the time.
    return network.to(memory_format=torch.channels_last)
