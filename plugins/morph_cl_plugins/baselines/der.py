"""Streaming DER and DER++: replay of what the network said, and of labels.

Source: Buzzega et al., Dark Experience for General Continual Learning: a Strong, Simple Baseline, NeurIPS 2020.
Avalanche's class of that name is another method: it fills a class-balanced memory when an experience ends and replays
one batch.
"""

from __future__ import annotations

from typing import Any

from avalanche.core import SupervisedPlugin
from avalanche.models import avalanche_forward
from torch.nn import functional

from morph_cl import StrategyContext
from morph_cl_plugins.baselines.assembly import training_parts
from morph_cl_plugins.baselines.der_memory import DarkBatch, DarkMemory
from morph_cl_plugins.baselines.options import DerOptions
from morph_cl_plugins.baselines.sequential import Naive
from morph_cl_plugins.baselines.weight_average import weight_average


class DarkReplay(DarkMemory, SupervisedPlugin):
    """Adds the two replay terms to each step's loss and offers each batch to the memory.

    The memory's tensors are attributes of this plugin, so that a checkpoint holds them.

    Args:
        context: the stream.
        options: validated options.
    """

    def __init__(self, context: StrategyContext, options: DerOptions) -> None:
        SupervisedPlugin.__init__(self)
        DarkMemory.__init__(
            self, options.mem_size, context.input_shape, context.classes, options.images, options.logits
        )
        self.alpha = options.alpha
        self.beta = options.beta
        self.batch_size_mem = options.batch_size_mem

    def before_backward(self, strategy: Any, **_: Any) -> None:
        """Add alpha times the distance to stored logits, and beta times the cross-entropy on another batch."""
        if not len(self):
            return
        if self.alpha:
            batch, output = self._replay(strategy)
            strategy.loss = strategy.loss + self.alpha * functional.mse_loss(output, batch.logits.to(output.device))
        if self.beta:
            batch, output = self._replay(strategy)
            labels = batch.labels.to(output.device)
            strategy.loss = strategy.loss + self.beta * functional.cross_entropy(output, labels)

    def after_update(self, strategy: Any, **_: Any) -> None:
        """Offer the batch with the logits that its step was computed from."""
        self.insert(DarkBatch(strategy.mb_x, strategy.mb_y, strategy.mb_output, strategy.mb_task_id))

    def _replay(self, strategy: Any) -> tuple[DarkBatch, Any]:
        batch = self.sample(self.batch_size_mem)
        output = avalanche_forward(strategy.model, batch.images.to(strategy.device), batch.tasks.to(strategy.device))
        return batch, output


def build_der(context: StrategyContext, options: DerOptions) -> Naive:
    """Build DER (``beta=0``) or DER++.

    Args:
        context: the stream and the loop.
        options: validated options.

    Returns:
        The strategy.
    """
    return Naive(**training_parts(context, options, DarkReplay(context, options), *weight_average(options)))
