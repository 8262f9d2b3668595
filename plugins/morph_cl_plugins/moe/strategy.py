"""A mixture of experts as a strategy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import torch
from avalanche.training.templates import SupervisedTemplate
from torch import Tensor, nn

from morph_cl import LabelledBatch, StrategyContext, TaskMaskedClassifier, TensorStrategy, build_optimizer
from morph_cl_plugins.moe.decay import LinearDecay
from morph_cl_plugins.moe.figures import usage_figures
from morph_cl_plugins.moe.gate import Routing, balance_loss
from morph_cl_plugins.moe.mixture import Mixture
from morph_cl_plugins.moe.networks import build_mixture
from morph_cl_plugins.moe.options import MoeOptions


class MixtureStrategy(TensorStrategy, SupervisedTemplate):
    """Trains gate and experts together, with losses on the gate beside the cross-entropy.

    Args:
        balance: weight of the balance loss.
        **parts: what Avalanche's ``SupervisedTemplate`` takes; ``model`` is a :class:`Mixture`, or one masked by task.
    """

    def __init__(self, *, balance: float, **parts: Any) -> None:
        super().__init__(**parts)
        self.balance = balance
        self._step_weights: Tensor | None = None

    @property
    def mixture(self) -> Mixture:
        """The model, without its task mask."""
        model = self.model.network if isinstance(self.model, TaskMaskedClassifier) else self.model
        assert isinstance(model, Mixture)
        return model

    # --- training --------------------------------------------------------------------------------------------------

    def criterion(self) -> Tensor:
        """Cross-entropy, in training with the losses on the gate."""
        loss: Tensor = super().criterion()
        routing = self.mixture.routing
        if routing is None:
            return loss
        self._step_weights = routing.shares.detach().mean(0)
        return loss + self.gate_loss(routing)

    def gate_loss(self, routing: Routing) -> Tensor:
        """What the gate is trained on beside the answer.

        Args:
            routing: of the training batch.

        Returns:
            A scalar.
        """
        return self.balance * balance_loss(routing)

    def _after_training_iteration(self, **kwargs: Any) -> None:
        self.mixture.routing = None  # plugins copy models, and a tensor amid a graph cannot be copied
        super()._after_training_iteration(**kwargs)

    # --- what it tells ---------------------------------------------------------------------------------------------

    @property
    def expert_count(self) -> int:
        """Experts, used or not."""
        return len(self.mixture.experts)

    @property
    def expert_names(self) -> tuple[str, ...]:
        """The experts by number, from 0."""
        return tuple(f"expert {number}" for number in range(self.expert_count))

    @torch.no_grad()
    def expert_weights(self, x: Tensor, task: int) -> Tensor:  # noqa: ARG002
        """The gate's weights, (B, E), brought to rows of sum 1.

        Args:
            x: (B, C, H, W) images.
            task: not used: a task masks classes, not experts.
        """
        return self.mixture.route(x).shares

    def batch_expert_weights(self) -> Tensor | None:
        """Mean weight of each expert, (E,), in the training step just done; None before the first."""
        return self._step_weights

    def final_figures(self, batches: Iterable[LabelledBatch]) -> dict[str, float]:
        """How evenly the experts are used, and how well the routed expert tells the label.

        Args:
            batches: the test data.

        Returns:
            ``usage_entropy``, ``nmi`` and ``purity``.
        """
        return usage_figures(*self._told(batches))

    def _told(self, batches: Iterable[LabelledBatch]) -> tuple[Tensor, Tensor]:
        """Weights (N, E) and labels (N,) of all batches."""
        told = [(self.expert_weights(batch.x, batch.task), batch.y) for batch in batches]
        return torch.cat([weights for weights, _ in told]), torch.cat([labels for _, labels in told])


def mixture_parts(context: StrategyContext, options: MoeOptions) -> dict[str, Any]:
    """The keyword arguments of a :class:`MixtureStrategy`.

    Args:
        context: the stream and the loop.
        options: validated options.

    Returns:
        Model, optimizer, criterion, plugins and the settings of the loop.
    """
    mixture = build_mixture(context, options)
    model: nn.Module = mixture
    if context.setting == "task":
        model = TaskMaskedClassifier(cast(Any, mixture), context.classes, context.experiences)
    decay = [LinearDecay(options.lr)] if options.decay else []
    return {
        **context.loop(),
        "model": model,
        "optimizer": build_optimizer(model, options),
        "criterion": nn.CrossEntropyLoss(),
        "plugins": [*decay, *context.plugins],
        "balance": options.balance,
    }


def build_moe(context: StrategyContext, options: MoeOptions) -> MixtureStrategy:
    """Build a mixture of experts.

    Args:
        context: the stream and the loop.
        options: validated options.

    Returns:
        The strategy.
    """
    return MixtureStrategy(**mixture_parts(context, options))
