"""The guided mixture of experts as a strategy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from torch import Tensor

from morph_cl import LabelledBatch, StrategyContext
from morph_cl_plugins.guided_moe.guidance import Guidance, assign
from morph_cl_plugins.guided_moe.options import GuidedMoeOptions
from morph_cl_plugins.moe.figures import usage_figures
from morph_cl_plugins.moe.gate import Routing
from morph_cl_plugins.moe.strategy import MixtureStrategy, mixture_parts


class GuidedMixture(MixtureStrategy):
    """A mixture whose gate learns, in training alone, which expert is meant for which label.

    Args:
        guidance: the loss on the gate.
        **parts: what :class:`MixtureStrategy` takes.
    """

    state_attributes: ClassVar[tuple[str, ...]] = ("guidance",)

    def __init__(self, *, guidance: Guidance, **parts: Any) -> None:
        super().__init__(**parts)
        self.guidance = guidance.to(self.device)

    def gate_loss(self, routing: Routing) -> Tensor:
        """Balance and guidance.

        Args:
            routing: of the training batch.

        Returns:
            A scalar.
        """
        guided: Tensor = self.guidance(routing.log_probabilities, self.mb_y)
        self.guidance.count(self.mb_y)
        return super().gate_loss(routing) + guided

    def assigned_experts(self, y: Tensor) -> Tensor:
        """The expert that training meant for each label.

        Args:
            y: (B,) int64 classes.

        Returns:
            (B,) int64 columns of :meth:`expert_weights`.
        """
        return self.guidance.assignment[y.to(self.guidance.assignment.device)]

    def final_figures(self, batches: Iterable[LabelledBatch]) -> dict[str, float]:
        """Those of the mixture, and how often the gate finds the expert that was meant.

        Args:
            batches: the test data.

        Returns:
            ``usage_entropy``, ``nmi``, ``purity`` and ``assigned_share``.
        """
        weights, labels = self._told(batches)
        found = weights.argmax(1) == self.assigned_experts(labels)
        return {**usage_figures(weights, labels), "assigned_share": float(found.float().mean())}


def build_guided(context: StrategyContext, options: GuidedMoeOptions) -> GuidedMixture:
    """Build a guided mixture of experts.

    Args:
        context: the stream and the loop.
        options: validated options.

    Returns:
        The strategy.

    Raises:
        UsageError: groups that miss a class of the stream, or hold one that it lacks.
    """
    assignment = assign(options.groups, options.experts, context.classes)
    guidance = Guidance(assignment, options.guidance, options.guidance_end, options.anneal)
    return GuidedMixture(guidance=guidance, **mixture_parts(context, options))
