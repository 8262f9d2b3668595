"""Learners that keep images: replay, GDumb, ER-ACE and MIR."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import torch
from avalanche.models.utils import avalanche_forward, is_multi_task_module
from avalanche.training.plugins import GDumbPlugin, MIRPlugin, ReplayPlugin
from avalanche.training.storage_policy import ExperienceBalancedBuffer
from avalanche.training.supervised import ER_ACE
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional

from morph_cl import StrategyContext, TensorStrategy
from morph_cl.bridge.arriving import still_to_come
from morph_cl.bridge.dataset import TensorLeaf, chained, tensor_dataset, view_of
from morph_cl_plugins.baselines.assembly import training_parts
from morph_cl_plugins.baselines.image_bytes import check_unit_range, to_bytes
from morph_cl_plugins.baselines.memory_batches import MemoryBatches
from morph_cl_plugins.baselines.options import GDumbOptions, InterferenceOptions, MirOptions, ReplayOptions
from morph_cl_plugins.baselines.sequential import Naive
from morph_cl_plugins.baselines.weight_average import weight_average


class GatheredBuffer(ExperienceBalancedBuffer):
    """Avalanche's buffer of equal shares, put together at once and once an experience.

    Avalanche joins the experiences' shares one after the other, which costs the square of their number each time.
    """

    @ExperienceBalancedBuffer.buffer.getter  # type: ignore[untyped-decorator]
    def buffer(self) -> Any:
        """All stored samples, experience by experience."""
        shares = [group.buffer for group in self.buffer_groups.values()]
        known, whole = self.__dict__.get("_gathered", ([], None))
        if whole is None or len(known) != len(shares) or any(a is not b for a, b in zip(known, shares, strict=True)):
            whole = self._joined(shares)
            self._gathered = shares, whole
        return whole

    def _joined(self, shares: list[Any]) -> Any:
        found = [view_of(share) for share in shares]
        views = [view for view in found if view is not None and len(view)]
        if len(views) < 2 or any(view is None for view in found):
            return super().buffer
        whole = chained(views).joined()
        if len(whole.leaves) > 1:  # of several tasks, or too large to copy
            return super().buffer
        (leaf,) = whole.leaves
        return tensor_dataset(TensorLeaf(leaf.x[whole.row], leaf.y[whole.row], leaf.task))

    def post_adapt(self, agent: Any, exp: Any) -> None:
        """Take in an experience, and let go of what was put together: between experiences nothing is held twice."""
        self.__dict__.pop("_gathered", None)
        super().post_adapt(agent, exp)


class CompactReplay(ReplayPlugin):
    """Avalanche's replay, whose stored images are bytes although the data set holds floats."""

    def before_training_exp(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Refuse images that bytes cannot hold, before any is trained on where they are there; open the memory."""
        view = view_of(strategy.experience.dataset)
        if not self.storage_policy.buffer_groups and view is not None and not still_to_come(view):
            images, _, _ = _whole(strategy.experience.dataset)
            check_unit_range(images, "replay")
        super().before_training_exp(strategy, *args, **kwargs)

    def after_training_exp(self, strategy: Any, **kwargs: Any) -> None:
        """Choose what is stored as Avalanche does, then store it as bytes."""
        super().after_training_exp(strategy, **kwargs)
        for group in self.storage_policy.buffer_groups.values():
            if _in_bytes(group.buffer):
                continue
            images, labels, tasks = _whole(group.buffer)
            check_unit_range(images, "replay")
            group.buffer = tensor_dataset(TensorLeaf(to_bytes(images), labels, int(tasks[0])))


def _in_bytes(dataset: Any) -> bool:
    """Whether a data set is one leaf of bytes and all of it: what was stored so and has not shrunk since."""
    view = view_of(dataset)
    if view is None or len(view.leaves) != 1 or len(view.leaves[0]) != len(view):
        return False
    return view.leaves[0].x.dtype == torch.uint8 and view.leaves[0].origin is None


def _whole(dataset: Any) -> list[Tensor]:
    """Images, labels and task labels of a data set; no random draw, as a loader would make."""
    view = view_of(dataset)
    assert view is not None  # a stream's data sets are whole tensors
    return view.batch(torch.arange(len(view)))


class GDumb(GDumbPlugin):
    """Avalanche's GDumb, which learns nothing while it is evaluated.

    Avalanche shows the initial model the experiences of the evaluation; in the task setting it would learn from test
    data which classes a task has.

    Source: Prabhu et al., GDumb: A Simple Approach that Questions Our Progress in Continual Learning, ECCV 2020.
    """

    def before_eval_dataset_adaptation(self, strategy: Any, **kwargs: Any) -> None:
        """Leave the initial model alone."""


class ErAce(TensorStrategy, ER_ACE):
    """Avalanche's ER-ACE on whole tensors.

    Source: Caccia et al., New Insights on Reducing Abrupt Representation Change in Online Continual Learning,
    ICLR 2022.
    """

    state_attributes: ClassVar[tuple[str, ...]] = ("storage_policy",)

    replay_loader: Any

    def _before_training_exp(self, **kwargs: Any) -> None:
        super()._before_training_exp(**kwargs)
        if self.replay_loader is not None:
            memory = MemoryBatches([self.storage_policy.buffer], self.device)
            self.replay_loader = memory.endless(self.batch_size_mem)


class MaximallyInterfered(MIRPlugin):
    """MIR over experiences: of a random part of the memory, replay what the coming step would harm most.

    Avalanche's plugin is made for streams of tiny experiences: when an experience ends it leaves out the classes of
    its last batch, which in a domain-incremental stream are all of them, and it keeps a running loader from one
    experience to the next. Here all that past experiences left in memory is drawn from, anew in each experience.

    Source: Aljundi et al., Online Continual Learning with Maximally Interfered Retrieval, NeurIPS 2019.
    """

    replay_loader: Iterator[list[Tensor]] | None

    def before_training_exp(self, strategy: Any, **_: Any) -> None:
        """Open the memory of past experiences."""
        buffer = self.storage_policy.buffer
        if len(buffer):
            self.replay_loader = MemoryBatches([buffer], strategy.device).endless(self.subsample)

    def before_backward(self, strategy: Any, **_: Any) -> None:
        """Add the loss of the stored images whose loss a step on the current batch would raise most."""
        if self.replay_loader is None:
            return
        x, y, task = next(self.replay_loader)
        chosen = self._most_interfered(strategy, x, y, task)
        output = avalanche_forward(strategy.model, x[chosen], task[chosen])
        strategy.loss = strategy.loss + functional.cross_entropy(output, y[chosen])

    def after_training_exp(self, strategy: Any, **_: Any) -> None:
        """Store images of the experience and close the memory."""
        self.storage_policy.post_adapt(strategy, strategy.experience)
        self.replay_loader = None

    def _most_interfered(self, strategy: Any, x: Tensor, y: Tensor, task: Tensor) -> Tensor:
        """Indices (batch_size_mem,) of the samples that a plain gradient step would harm most."""
        model = strategy.model
        weights = {name: p for name, p in model.named_parameters() if p.requires_grad}
        gradients = torch.autograd.grad(strategy.loss, list(weights.values()), retain_graph=True, allow_unused=True)
        rate = strategy.optimizer.param_groups[0]["lr"]
        with torch.no_grad():
            stepped = {
                name: weight if gradient is None else weight - rate * gradient
                for (name, weight), gradient in zip(weights.items(), gradients, strict=True)
            }
            before = functional.cross_entropy(avalanche_forward(model, x, task), y, reduction="none")
            inputs = (x, task) if is_multi_task_module(model) else (x,)
            output = functional_call(model, stepped, inputs)
            after = functional.cross_entropy(output, y, reduction="none")
            return torch.topk(after - before, min(self.batch_size_mem, len(y))).indices


def build_replay(context: StrategyContext, options: ReplayOptions) -> Naive:
    """Build experience replay.

    Args:
        context: the stream and the loop.
        options: validated options.

    Returns:
        The strategy.
    """
    kind = CompactReplay if options.images == "uint8" else ReplayPlugin
    plugin = kind(
        mem_size=options.mem_size,
        batch_size_mem=options.batch_size_mem,
        storage_policy=GatheredBuffer(max_size=options.mem_size, adaptive_size=True),
    )
    return Naive(**training_parts(context, options, plugin, *weight_average(options)))


def build_gdumb(context: StrategyContext, options: GDumbOptions) -> Naive:
    """Build GDumb.

    Args:
        context: the stream and the loop.
        options: validated options.

    Returns:
        The strategy.
    """
    parts = training_parts(context, options, GDumb(options.mem_size))
    return Naive(**parts | {"train_epochs": options.memory_epochs, "train_mb_size": options.batch_size_mem})


def build_er_ace(context: StrategyContext, options: InterferenceOptions) -> ErAce:
    """Build ER-ACE.

    Args:
        context: the stream and the loop.
        options: validated options.

    Returns:
        The strategy.
    """
    parts = training_parts(context, options)
    return ErAce(mem_size=options.mem_size, batch_size_mem=options.batch_size_mem, **parts)


def build_mir(context: StrategyContext, options: MirOptions) -> Naive:
    """Build MIR.

    Args:
        context: the stream and the loop.
        options: validated options.

    Returns:
        The strategy.
    """
    plugin = MaximallyInterfered(
        mem_size=options.mem_size, batch_size_mem=options.batch_size_mem, subsample=options.subsample
    )
    return Naive(**training_parts(context, options, plugin))
