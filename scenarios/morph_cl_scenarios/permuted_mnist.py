"""Permuted MNIST: the same classes in every experience, the pixels in another order.

Source: Goodfellow et al., An Empirical Investigation of Catastrophic Forgetting (2013); Kirkpatrick et al.,
Overcoming catastrophic forgetting in neural networks (2017).
"""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from morph_cl import ExperienceData, ScenarioRequest, Stream, make_stream
from morph_cl_scenarios.options import PermutedOptions
from morph_cl_scenarios.pixels import take_pixels
from morph_cl_scenarios.seeding import stream_generator
from morph_cl_scenarios.subsets import training_subsets


def stream_permutations(options: PermutedOptions, seed: int, pixels: int) -> list[Tensor]:
    """The order of pixels in each experience.

    Args:
        options: their number, and whether the first leaves the pixels in place.
        seed: the stream's seed; the only source of randomness.
        pixels: height times width.

    Returns:
        One (pixels,) int64 permutation an experience.
    """
    rng = stream_generator(seed, "permutations")
    permutations = [torch.from_numpy(rng.permutation(pixels)) for _ in range(options.experiences)]
    if options.identity_first:
        permutations[0] = torch.arange(pixels)
    return permutations


def build(request: ScenarioRequest, options: PermutedOptions) -> Stream:
    """Build a permuted stream: one permutation an experience, the same for every channel.

    Args:
        request: data, seed and setting.
        options: number of experiences and sizes.

    Returns:
        The stream; its detail holds a checksum of each permutation.

    Raises:
        UsageError: ``train_size`` is larger than the data.
    """
    data = request.data
    _, height, width = data.input_shape
    permutations = stream_permutations(options, request.seed, height * width)
    subsets = training_subsets(request, options, len(permutations))
    experiences = []
    for number, permutation in enumerate(permutations):
        train_x, train_y = subsets.take(number)
        experiences.append(
            ExperienceData(
                label="identity" if options.identity_first and number == 0 else f"permutation {number + 1}",
                train_x=take_pixels(train_x, permutation),
                train_y=train_y,
                test_x=take_pixels(data.test_x, permutation),
                test_y=data.test_y,
            )
        )
    checksums = [hashlib.sha256(p.numpy().tobytes()).hexdigest()[:16] for p in permutations]
    detail = {"permutation_checksums": checksums, **subsets.detail}
    return make_stream(request, experiences, classes=data.classes, detail=detail)
