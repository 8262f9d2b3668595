"""MORPH from names: experts and detectors looked up among the installed plugins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import torch
from torch import nn

from morph_cl.bridge.detector import DriftDetector
from morph_cl.catalog import load_catalog
from morph_cl.errors import UsageError
from morph_cl.morph.experts import Build
from morph_cl.morph.model import MorphModel
from morph_cl.morph.options import MorphOptions
from morph_cl.options import validate_options


def build_morph(
    input_shape: tuple[int, int, int],
    classes: int,
    options: MorphOptions | None = None,
    expert: str | Build | None = None,
    **option_values: Any,
) -> MorphModel:
    """Build MORPH for use without a strategy.

    Args:
        input_shape: (C, H, W) of an image.
        classes: number of classes.
        options: every setting; None takes the defaults of a stream without boundaries.
        expert: a registered expert's name, or a callable without arguments that makes one, from (B, C, H, W) to
            (B, classes) logits; None takes the one that the options name.
        option_values: single options, over those of ``options``: ``build_morph((1, 28, 28), 10, memory=500)``.

    Returns:
        The model, in training mode.

    Raises:
        UsageError: an unknown expert, detector or option, a value out of range, sizes that are no sizes, an expert with
            the wrong output, or ``max_bytes`` too small for one expert.
    """
    if len(input_shape) != 3 or min(input_shape) < 1 or classes < 1:
        raise UsageError(f"shape {input_shape} with {classes} classes; give (C, H, W) and a number, all at least 1.")
    given = options.model_dump() if options is not None else {"boundaries": "free"}
    named = {"expert": expert} if isinstance(expert, str) else {}
    settings = cast(MorphOptions, validate_options(MorphOptions, {**given, **named, **option_values}, "morph"))
    build = expert if callable(expert) else _registered(settings.expert, input_shape, classes)
    detector = chosen_detector(settings, load_catalog().build_detector)
    model = MorphModel(build, input_shape, classes, settings, detector)
    _check_output(model)
    return model


def chosen_detector(options: MorphOptions, build: Callable[[str, Mapping[str, Any]], Any]) -> DriftDetector:
    """The detector that the options name.

    Args:
        options: the options of MORPH; ``novelty`` and ``patience`` are those of the detector ``novelty``.
        build: builds a registered detector from its name and options.

    Returns:
        The detector.

    Raises:
        UnknownNameError: no such detector is registered.
    """
    own = {"threshold": options.novelty, "patience": options.novel_batches} if options.detector == "novelty" else {}
    return cast(DriftDetector, build(options.detector, own))


def _registered(name: str, input_shape: tuple[int, int, int], classes: int) -> Build:
    """What makes a registered expert with its default options."""
    spec = load_catalog().experts.get(name).spec
    build, options = spec.resolve(), validate_options(spec.params, {}, spec.name)

    def build_one() -> nn.Module:
        made: nn.Module = build(input_shape, classes, options)
        return made

    return build_one


def _check_output(model: MorphModel) -> None:
    net = model.pool.net(model.active)
    net.eval()
    with torch.no_grad():
        shape = tuple(net(torch.zeros(1, *model.input_shape)).shape)
    net.train()
    if shape != (1, model.classes):
        raise UsageError(f"the expert answers one image with shape {shape}; it must give (1, {model.classes}) logits.")
