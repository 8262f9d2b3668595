"""The static partition as a strategy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from avalanche.training.templates import SupervisedTemplate
from torch import Tensor, nn
from torch.nn import functional

from morph_cl import LabelledBatch, StrategyContext, TensorStrategy, UsageError, build_optimizer
from morph_cl_plugins.moe.decay import LinearDecay
from morph_cl_plugins.static_partition.figures import final_figures
from morph_cl_plugins.static_partition.model import PartitionModel, TaskPartitionModel
from morph_cl_plugins.static_partition.options import PartitionOptions
from morph_cl_plugins.static_partition.tags import TagTree, build_tags


class StaticPartition(TensorStrategy, SupervisedTemplate):
    """Trains the part of each label's tag; at evaluation the tag is found without the label.

    Args:
        tree: the tags.
        **parts: what Avalanche's ``SupervisedTemplate`` takes; ``model`` is a :class:`PartitionModel`, or one that is
            told the task.
    """

    def __init__(self, *, tree: TagTree, **parts: Any) -> None:
        super().__init__(**parts)
        self.tree = tree
        self._gate_loss: Tensor | None = None
        self._step_weights: Tensor | None = None

    @property
    def partitioned(self) -> PartitionModel:
        """The model, without its task mask."""
        model = self.model.network if isinstance(self.model, TaskPartitionModel) else self.model
        assert isinstance(model, PartitionModel)
        return model

    def _mask(self, tasks: Tensor) -> Tensor | None:
        return self.model.allowed(tasks) if isinstance(self.model, TaskPartitionModel) else None

    # --- training --------------------------------------------------------------------------------------------------

    def _before_training_exp(self, **kwargs: Any) -> None:
        if self.partitioned.by_experience:
            self.partitioned.begin(self.experience.current_experience, self._classes())
        super()._before_training_exp(**kwargs)

    def _classes(self) -> Iterable[int]:
        """The classes of the experience, which one that comes sample by sample cannot tell."""
        classes: Iterable[int] | None = getattr(self.experience, "classes_in_this_experience", None)
        if classes is None:
            raise UsageError(
                "static-partition.tags=experience needs to know the classes of an experience when it begins, and a "
                "test-then-train stream comes sample by sample; give tags=parity, groups of labels such as "
                "[[0,2],[1,3]], or package.module:function."
            )
        return classes

    def forward(self) -> Tensor:
        """Logits: in training of the part that the label's tag owns, else of the part that is found."""
        if not self.is_training:
            logits: Tensor = super().forward()
            return logits
        logits, self._gate_loss = self.partitioned.train_step(self.mb_x, self.mb_y, self._mask(self.mb_task_id))
        shares = self.partitioned.tag_of[self.mb_y].bincount(minlength=self.expert_count)
        self._step_weights = shares / len(self.mb_y)
        return logits

    def criterion(self) -> Tensor:
        """Cross-entropy, in training with the gate's."""
        loss: Tensor = super().criterion()
        return loss if self._gate_loss is None or not self.is_training else loss + self._gate_loss

    def _after_training_iteration(self, **kwargs: Any) -> None:
        self._gate_loss = None  # its graph is no longer needed
        super()._after_training_iteration(**kwargs)

    # --- what it tells ---------------------------------------------------------------------------------------------

    @property
    def expert_count(self) -> int:
        """Tags, trained or not."""
        return len(self.tree.paths)

    @property
    def expert_names(self) -> tuple[str, ...]:
        """The tags with their classes."""
        return self.tree.names

    @torch.no_grad()
    def expert_weights(self, x: Tensor, task: int) -> Tensor:
        """1 for the tag whose part answers for each image, of (B, tags).

        Args:
            x: (B, C, H, W) images.
            task: their task label, read in the task setting only.
        """
        allowed = self._mask(torch.full((len(x),), task, device=x.device))
        return functional.one_hot(self.partitioned.answer(x, allowed).tags, self.expert_count).float()

    def assigned_experts(self, y: Tensor) -> Tensor:
        """The tag of each label.

        Args:
            y: (B,) int64 classes.

        Returns:
            (B,) int64 columns of :meth:`expert_weights`; -1 where tags go by experience and none, or more than one,
            has been trained on the class.
        """
        model = self.partitioned
        label = y.to(model.tag_of.device)
        return torch.where(model.seen.sum(0)[label] > 1, -1, model.tag_of[label])

    def batch_expert_weights(self) -> Tensor | None:
        """Share of each tag, (tags,), in the training step just done; None before the first."""
        return self._step_weights

    def final_figures(self, batches: Iterable[LabelledBatch]) -> dict[str, float]:
        """Accuracy by each way of finding the tag.

        Args:
            batches: the test data.

        Returns:
            ``oracle_tag_accuracy``, ``gate_accuracy``, ``gate_tag_share``, ``confidence_accuracy`` and
            ``confidence_tag_share``.
        """
        return final_figures(self.partitioned, batches, self._mask)


def build(context: StrategyContext, options: PartitionOptions) -> StaticPartition:
    """Build a static partition.

    Args:
        context: the stream and the loop.
        options: validated options.

    Returns:
        The strategy.

    Raises:
        UsageError: tags that do not fit the classes, or more tags than units.
    """
    tree = build_tags(options, context.classes, context.experiences)
    network = PartitionModel(context, options, tree)
    model: nn.Module = network
    if context.setting == "task":
        model = TaskPartitionModel(network, context.classes, context.experiences)
    decay = [LinearDecay(options.lr)] if options.decay else []
    return StaticPartition(
        tree=tree,
        model=model,
        optimizer=build_optimizer(model, options),
        criterion=nn.CrossEntropyLoss(),
        **{**context.loop(), "plugins": [*decay, *context.plugins]},
    )
