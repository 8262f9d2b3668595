"""The iterations: predict, see where the prediction is unsure, modulate the weights, predict again.

A gain on a unit is the same as that gain on all weights, and the bias, that lead into it. Gains are not negative, so
they pass a ReLU: the last hidden layer is computed once, and an iteration costs no more than the modulators' small
layers and the output layer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from morph_cl import StrategyContext, TaskMaskedClassifier, build_classifier
from morph_cl_plugins.iwmn.modulator import Modulator
from morph_cl_plugins.iwmn.options import IwmnOptions

_MASKED = -1e9  # finite, as in the task mask of other strategies


class Base(Protocol):
    """What is modulated: features and a linear head."""

    features: nn.Module
    classifier: nn.Linear


@dataclass(frozen=True)
class Sight:
    """What of an image stays the same in all iterations.

    Args:
        features: (B, width) of the base network, unmodulated.
        hidden: (B, hidden) the image's part of the hidden modulator.
        output: (B, hidden) the image's part of the output modulator.
        allowed: (B, classes) bool, what can be answered; None: everything.
    """

    features: Tensor
    hidden: Tensor
    output: Tensor
    allowed: Tensor | None

    def take(self, rows: Tensor) -> Self:
        """Some of the images.

        Args:
            rows: (b,) int64 positions.
        """
        allowed = None if self.allowed is None else self.allowed[rows]
        return type(self)(self.features[rows], self.hidden[rows], self.output[rows], allowed)


class ModulatedNetwork(nn.Module):
    """A base network and the modulators of its last hidden layer and of its output.

    Args:
        base: the base network.
        input_shape: (C, H, W).
        options: validated options.
    """

    def __init__(self, base: Base, input_shape: tuple[int, int, int], options: IwmnOptions) -> None:
        super().__init__()
        self.options = options
        self.features, self.classifier = base.features, base.classifier
        self.hidden_modulator: Modulator | None = None
        self.output_modulator: Modulator | None = None
        if options.iterations:
            width, classes = self.classifier.in_features, self.classifier.out_features
            sizes = math.prod(input_shape), classes, options.modulator_hidden
            self.hidden_modulator = Modulator(*sizes, width, options.strength)
            self.output_modulator = Modulator(*sizes, classes, options.strength)

    # --- ways through ----------------------------------------------------------------------------------------------

    def forward(self, x: Tensor, allowed: Tensor | None = None) -> Tensor:
        """The answer: of the last iteration in training, in evaluation of the one that an image stopped at.

        Args:
            x: (B, C, H, W) images.
            allowed: (B, classes) bool, what can be answered; None: everything.

        Returns:
            (B, classes) logits.
        """
        return self.unroll(x, allowed)[-1] if self.training else self.settle(x, allowed)[0]

    def unroll(self, x: Tensor, allowed: Tensor | None = None) -> list[Tensor]:
        """Every iteration for every image.

        Args:
            x: (B, C, H, W) images.
            allowed: (B, classes) bool; None: everything.

        Returns:
            (B, classes) logits before any iteration, which are the base network's, and after each.
        """
        sight, logits = self._look(x, allowed)
        answers = [logits]
        before = None
        for _ in range(self.options.iterations):
            probabilities = answers[-1].softmax(1)
            answers.append(self._iterate(sight, self._error(probabilities, before)))
            before = probabilities
        return answers

    def settle(self, x: Tensor, allowed: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Iterate until no probability of an image moves by the tolerance; only images that still move are computed.

        Args:
            x: (B, C, H, W) images.
            allowed: (B, classes) bool; None: everything.

        Returns:
            (B, classes) logits, and (B,) int64 iterations made.
        """
        sight, logits = self._look(x, allowed)
        answers, made = logits, torch.zeros(len(x), dtype=torch.int64, device=x.device)
        moving = torch.arange(len(x), device=x.device)
        probabilities, before = logits.softmax(1), None
        for _ in range(self.options.iterations):
            answer = self._iterate(sight, self._error(probabilities, before))
            answers = answers.index_copy(0, moving, answer)
            made[moving] += 1
            before, probabilities = probabilities, answer.softmax(1)
            still = ((probabilities - before).abs().amax(1) >= self.options.tolerance).nonzero().squeeze(1)
            if not len(still):
                break
            moving, sight = moving[still], sight.take(still)
            before, probabilities = before[still], probabilities[still]
        return answers, made

    # --- steps -----------------------------------------------------------------------------------------------------

    def _look(self, x: Tensor, allowed: Tensor | None) -> tuple[Sight, Tensor]:
        """What stays the same, and the logits of the base network."""
        x = (x - self.options.pixel_mean) / self.options.pixel_std
        x = functional.dropout(x, self.options.dropout, self.training)
        features = self.features(x)
        nothing = features[:, :0]
        hidden = self.hidden_modulator.see(x) if self.hidden_modulator else nothing
        output = self.output_modulator.see(x) if self.output_modulator else nothing
        return Sight(features, hidden, output, allowed), _masked(self.classifier(features), allowed)

    def _iterate(self, sight: Sight, error: Tensor) -> Tensor:
        """Logits (B, classes) under the modulation that the error signal asks for."""
        assert self.hidden_modulator is not None
        assert self.output_modulator is not None
        features = sight.features * self.hidden_modulator(sight.hidden, error)
        logits = self.classifier(features) * self.output_modulator(sight.output, error)
        return _masked(logits, sight.allowed)

    def _error(self, probabilities: Tensor, before: Tensor | None) -> Tensor:
        """The error signal (B, classes), from the network's own predictions; no label reaches this."""
        return probabilities - _aim(self.options.error, probabilities, before)


class TaskModulatedNetwork(TaskMaskedClassifier):
    """A modulated network that is told the task: other classes count neither in answers nor in error signals."""

    def forward(self, x: Tensor, task_labels: Tensor | int | None) -> Tensor | dict[int, Tensor]:
        """Logits (B, classes), masked to each sample's task; for None a dictionary with those of every known task."""
        if task_labels is None:
            return super().forward(x, None)
        logits: Tensor = self.network(x, self.allowed(x, task_labels))
        return logits

    def forward_single_task(self, x: Tensor, task_label: int) -> Tensor:
        """Logits (B, classes), masked to one task."""
        logits: Tensor = self.network(x, self.allowed(x, task_label))
        return logits

    def allowed(self, x: Tensor, task: Tensor | int) -> Tensor:
        """What can be answered.

        Args:
            x: (B, C, H, W) images.
            task: their tasks, (B,), or the one of all.

        Returns:
            (B, classes) bool; everything in a task that training has not reached yet.
        """
        known: Tensor = self.task_classes[task].expand(len(x), -1)
        return known | ~known.any(-1, keepdim=True)


def build_network(context: StrategyContext, options: IwmnOptions) -> nn.Module:
    """The network that the options ask for, masked by task in the task setting.

    Args:
        context: the stream.
        options: validated options.

    Returns:
        A module from images to logits over all classes.
    """
    base = build_classifier(replace(context, setting="class"), options)  # the iterations are masked, not the base
    network = ModulatedNetwork(cast(Base, base), context.input_shape, options)
    if context.setting == "task":
        return TaskModulatedNetwork(cast(Any, network), context.classes, context.experiences)
    return network


def _aim(kind: str, probabilities: Tensor, before: Tensor | None) -> Tensor:
    """What the prediction is held against, (B, classes)."""
    if kind == "change":
        return torch.zeros_like(probabilities) if before is None else before
    if kind == "sharpened":
        squares = probabilities.square()
        return squares / squares.sum(1, keepdim=True)
    likeliest = probabilities.argmax(1, keepdim=True)
    return torch.zeros_like(probabilities).scatter(1, likeliest, 1.0)


def _masked(logits: Tensor, allowed: Tensor | None) -> Tensor:
    return logits if allowed is None else logits.masked_fill(~allowed, _MASKED)
