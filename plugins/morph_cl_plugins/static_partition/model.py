"""The partition and whoever finds the tag."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from morph_cl import StrategyContext, TaskMaskedClassifier
from morph_cl_plugins.static_partition.options import PartitionOptions
from morph_cl_plugins.static_partition.partition import Partition
from morph_cl_plugins.static_partition.tags import TagTree
from morph_cl_plugins.static_partition.widths import divide_units

_MASKED = -1e9  # finite: infinities turn into NaN where a plugin multiplies them by a zero target
_LEAST_DEVIATION = 0.05  # of pixels: an image that is nearly of one grey keeps its noise small


class Answer(NamedTuple):
    """What is answered, and by which part.

    Args:
        logits: (B, classes).
        tags: (B,) int64.
    """

    logits: Tensor
    tags: Tensor


class PartitionModel(nn.Module):
    """Finds the tag of an image by the image alone, and answers with that tag's part.

    Args:
        context: the stream.
        options: validated options.
        tree: the tags.

    Attributes:
        tag_of: (classes,) int64, the tag that training has for each class; -1 for none yet.
        seen: (tags, classes) bool, the classes that each tag was trained on.
    """

    tag_of: Tensor
    seen: Tensor

    def __init__(self, context: StrategyContext, options: PartitionOptions, tree: TagTree) -> None:
        super().__init__()
        self.options = options
        self.by_experience = tree.tag_of is None
        tags, classes, shape = len(tree.paths), context.classes, context.input_shape
        self.partition = Partition(tree, divide_units(options, tree), shape, classes, options.network)
        self.gate = nn.Sequential(
            nn.Flatten(),
            nn.Linear(math.prod(shape), options.gate_hidden),
            nn.ReLU(),
            nn.Linear(options.gate_hidden, tags),
        )
        self.register_buffer("tag_of", torch.tensor(tree.tag_of or [-1] * classes))
        self.register_buffer("seen", torch.zeros(tags, classes, dtype=torch.bool))

    # --- training --------------------------------------------------------------------------------------------------

    def begin(self, experience: int, classes: Iterable[int]) -> None:
        """Give the classes of the next experience to its tag.

        Args:
            experience: its index.
            classes: its classes.
        """
        self.tag_of[sorted(classes)] = experience

    def train_step(self, x: Tensor, y: Tensor, allowed: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Answer training images with the part of their labels' tags, and teach the gate those tags.

        Args:
            x: (B, C, H, W) images.
            y: (B,) int64 classes, of this experience or of earlier ones.
            allowed: (B, classes) bool, the classes that may be answered; None allows all.

        Returns:
            Logits (B, classes), and the loss of the gate.
        """
        x, tags = self._prepared(x), self.tag_of[y]
        self.seen[tags, y] = True
        return _masked(self.partition(x, tags), allowed), functional.cross_entropy(self.gate(x), tags)

    # --- answers: no label reaches these ---------------------------------------------------------------------------

    def forward(self, x: Tensor, allowed: Tensor | None = None) -> Tensor:
        """Logits (B, classes) of images (B, C, H, W)."""
        return self.answer(x, allowed).logits

    def answer(self, x: Tensor, allowed: Tensor | None = None) -> Answer:
        """Answer as the option ``route`` says.

        Args:
            x: (B, C, H, W) images.
            allowed: (B, classes) bool, the classes that may be answered; None allows all.

        Returns:
            Logits and tags.
        """
        if self.options.route == "confidence":
            return self.confident(self.every(x, allowed), allowed)
        x = self._prepared(x)
        tags = self._gated(x, allowed)
        return Answer(_masked(self.partition(x, tags), allowed), tags)

    def gated(self, x: Tensor, allowed: Tensor | None = None) -> Tensor:
        """The tags (B,) that the gate finds for images (B, C, H, W)."""
        return self._gated(self._prepared(x), allowed)

    def _gated(self, x: Tensor, allowed: Tensor | None) -> Tensor:
        scores: Tensor = self.gate(x)
        return scores.masked_fill(~self._candidates(allowed), _MASKED).argmax(1)

    def every(self, x: Tensor, allowed: Tensor | None = None) -> Tensor:
        """The logits (tags, B, classes) of each tag's part for images (B, C, H, W)."""
        x = self._prepared(x)
        tags = torch.arange(self.partition.tags, device=x.device)
        return torch.stack([_masked(self.partition(x, tag.expand(len(x))), allowed) for tag in tags])

    def confident(self, every: Tensor, allowed: Tensor | None = None) -> Answer:
        """The answer of the tag that is most sure.

        Args:
            every: (tags, B, classes) logits of each tag's part.
            allowed: (B, classes) bool, the classes that may be answered; None allows all.

        Returns:
            Logits and tags.
        """
        confidence = every.softmax(2).amax(2).T  # (B, tags)
        tags = confidence.masked_fill(~self._candidates(allowed), -1.0).argmax(1)
        return Answer(every[tags, torch.arange(len(tags), device=tags.device)], tags)

    def _candidates(self, allowed: Tensor | None) -> Tensor:
        """The tags that were trained, on allowed classes where those are told; all where there is none."""
        seen = self.seen.any(1)[None] if allowed is None else (allowed[:, None] & self.seen).any(2)
        return seen | ~seen.any(1, keepdim=True)

    def _prepared(self, x: Tensor) -> Tensor:
        if self.options.standardise:
            deviation, mean = torch.std_mean(x, dim=(1, 2, 3), correction=0, keepdim=True)
            x = (x - mean) / deviation.clamp(min=_LEAST_DEVIATION)
        return functional.dropout(x, self.options.dropout, self.training)


def _masked(logits: Tensor, allowed: Tensor | None) -> Tensor:
    return logits if allowed is None else logits.masked_fill(~allowed, _MASKED)


class TaskPartitionModel(TaskMaskedClassifier):
    """Told the task, it looks for the tag among those of the task's classes, and answers with these classes.

    Args:
        network: the model.
        classes: number of classes.
        tasks: number of tasks.
    """

    def __init__(self, network: PartitionModel, classes: int, tasks: int) -> None:
        super().__init__(network, classes, tasks)  # type: ignore[arg-type]

    def allowed(self, tasks: Tensor) -> Tensor:
        """The classes (B, classes) of tasks (B,); all of them for one that training has not reached."""
        allowed: Tensor = self.task_classes[tasks]
        return allowed | ~allowed.any(1, keepdim=True)

    def forward(self, x: Tensor, task_labels: Tensor | int | None) -> Any:
        """Logits (B, classes), masked to each sample's task; for None a dictionary with those of every known task."""
        if isinstance(task_labels, int):
            return self.forward_single_task(x, task_labels)
        return super().forward(x, None) if task_labels is None else self.network(x, self.allowed(task_labels))

    def forward_single_task(self, x: Tensor, task_label: int) -> Tensor:
        """Logits (B, classes), masked to one task."""
        tasks = torch.full((len(x),), task_label, device=x.device)
        logits: Tensor = self.network(x, self.allowed(tasks))
        return logits
