"""The networks that strategies train, and the optimizers that train them."""

from __future__ import annotations

import itertools

import torch
from avalanche.models.dynamic_modules import MultiTaskModule
from torch import Tensor, nn

from morph_cl.bridge.context import StrategyContext
from morph_cl.training_options import TrainingOptions

_MASKED = -1e9  # finite: infinities turn into NaN where a plugin multiplies them by a zero target


class Classifier(nn.Module):
    """Features and a linear head over all classes of the stream.

    Args:
        features: maps (B, C, H, W) to (B, width).
        width: number of features.
        classes: number of classes.
    """

    def __init__(self, features: nn.Module, width: int, classes: int) -> None:
        super().__init__()
        self.features = features
        self.classifier = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, classes) of images (B, C, H, W)."""
        logits: Tensor = self.classifier(self.features(x))
        return logits


class TaskMaskedClassifier(MultiTaskModule):
    """A classifier that is told the task and answers only with that task's classes.

    A head over all classes whose rows outside the task are masked is the same function as one head a task: rows of a
    linear layer share nothing.

    Args:
        network: maps images to logits over all classes.
        classes: number of classes.
        tasks: number of tasks.
    """

    def __init__(self, network: Classifier, classes: int, tasks: int) -> None:
        super().__init__()
        self.known_train_tasks_labels: set[int] = set()
        self.network = network
        self.max_class_label = classes
        self.register_buffer("task_classes", torch.zeros(tasks, classes, dtype=torch.bool))

    @property
    def features(self) -> nn.Module:
        """The features of the network below."""
        return self.network.features

    @property
    def classifier(self) -> nn.Module:
        """The head of the network below, unmasked."""
        return self.network.classifier

    def adaptation(self, experience: object) -> None:
        """Learn which classes a task has, from the training experience that brings it."""
        if self.training:
            for task in experience.task_labels:  # type: ignore[attr-defined]
                self.task_classes[task, list(experience.classes_in_this_experience)] = True  # type: ignore[attr-defined]
                self.known_train_tasks_labels = self.known_train_tasks_labels | {task}

    def forward(self, x: Tensor, task_labels: Tensor | int | None) -> Tensor | dict[int, Tensor]:
        """Logits (B, classes), masked to each sample's task; for None a dictionary with those of every known task."""
        if task_labels is None:
            return {task: self.forward_single_task(x, task) for task in sorted(self.known_train_tasks_labels)}
        return self._mask(self.network(x), task_labels)

    def forward_single_task(self, x: Tensor, task_label: int) -> Tensor:
        """Logits (B, classes), masked to one task."""
        return self._mask(self.network(x), task_label)

    def _mask(self, logits: Tensor, task: Tensor | int) -> Tensor:
        allowed = self.task_classes[task]
        # A task that training has not reached yet has no classes: leave its logits as they are.
        allowed = allowed | ~allowed.any(-1, keepdim=True)
        return logits.masked_fill(~allowed, _MASKED)

    def get_extra_state(self) -> list[int]:
        """The known tasks, for ``state_dict``."""
        return sorted(self.known_train_tasks_labels)

    def set_extra_state(self, state: list[int]) -> None:
        """Restore the known tasks."""
        self.known_train_tasks_labels = set(state)


def mlp_features(input_shape: tuple[int, int, int], hidden: tuple[int, ...]) -> tuple[nn.Module, int]:
    """Fully connected layers with ReLU.

    Args:
        input_shape: (C, H, W).
        hidden: width of each layer, at least one.

    Returns:
        The module and the width of its output.
    """
    channels, height, width = input_shape
    sizes = (channels * height * width, *hidden)
    layers: list[nn.Module] = [nn.Flatten()]
    for fan_in, fan_out in itertools.pairwise(sizes):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    return nn.Sequential(*layers), sizes[-1]


def cnn_features(input_shape: tuple[int, int, int], hidden: tuple[int, ...]) -> tuple[nn.Module, int]:
    """3x3 convolutions with ReLU, halving the image after each, and a mean over what is left.

    Args:
        input_shape: (C, H, W).
        hidden: channels of each convolution, at least one.

    Returns:
        The module and the width of its output.
    """
    layers: list[nn.Module] = []
    for fan_in, fan_out in itertools.pairwise((input_shape[0], *hidden)):
        layers += [nn.Conv2d(fan_in, fan_out, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten()), hidden[-1]


def build_classifier(context: StrategyContext, options: TrainingOptions) -> nn.Module:
    """The network that the options ask for, masked by task in the task setting.

    Args:
        context: the stream.
        options: ``network`` and ``hidden``.

    Returns:
        A module from images to logits over all classes.
    """
    make = mlp_features if options.network == "mlp" else cnn_features
    features, width = make(context.input_shape, options.hidden)
    network = Classifier(features, width, context.classes)
    _initialize(network)
    if context.setting == "task":
        return TaskMaskedClassifier(network, context.classes, context.experiences)
    return network


def _initialize(network: nn.Module) -> None:
    """Uniform Glorot weights and zero biases, as the published figures of rotated MNIST have them.

    Source: Glorot & Bengio, Understanding the difficulty of training deep feedforward neural networks, 2010.
    """
    for module in network.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def build_optimizer(model: nn.Module, options: TrainingOptions) -> torch.optim.Optimizer:
    """The optimizer that the options ask for, over all parameters of the model.

    Args:
        model: what to train.
        options: ``optimizer``, ``lr``, ``momentum`` and ``weight_decay``.

    Returns:
        A fresh optimizer.
    """
    if options.optimizer == "adam":
        return torch.optim.Adam(model.parameters(), lr=options.lr, weight_decay=options.weight_decay)
    return torch.optim.SGD(
        model.parameters(), lr=options.lr, momentum=options.momentum, weight_decay=options.weight_decay
    )
