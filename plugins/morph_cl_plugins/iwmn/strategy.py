"""The iterative weight modulation network as a strategy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from avalanche.training.templates import SupervisedTemplate
from torch import Tensor, nn

from morph_cl import LabelledBatch, StrategyContext, TensorStrategy, build_optimizer
from morph_cl_plugins.iwmn.network import ModulatedNetwork, TaskModulatedNetwork, build_network
from morph_cl_plugins.iwmn.options import IwmnOptions
from morph_cl_plugins.moe.decay import LinearDecay


class IterativeModulation(TensorStrategy, SupervisedTemplate):
    """Trains the answers of all iterations together.

    Args:
        discount: loss of an iteration against that of the next one, in [0, 1].
        **parts: what Avalanche's ``SupervisedTemplate`` takes; ``model`` is a :class:`ModulatedNetwork`, or one that is
            told the task.
    """

    def __init__(self, *, discount: float, **parts: Any) -> None:
        super().__init__(**parts)
        self.discount = discount
        self._answers: list[Tensor] = []

    @property
    def network(self) -> ModulatedNetwork:
        """The model, without what tells it the task."""
        model = self.model.network if isinstance(self.model, TaskModulatedNetwork) else self.model
        assert isinstance(model, ModulatedNetwork)
        return model

    # --- training --------------------------------------------------------------------------------------------------

    def forward(self) -> Tensor:
        """The answer to the current batch; in training that of the last iteration, and all are kept for the loss."""
        if not self.is_training:
            answer: Tensor = super().forward()
            return answer
        self._answers = self.network.unroll(self.mb_x, self._allowed(self.mb_x, self.mb_task_id))
        return self._answers[-1]

    def criterion(self) -> Tensor:
        """Cross-entropy, in training the mean over all iterations' answers, the earlier ones discounted."""
        if not self.is_training:
            loss: Tensor = super().criterion()
            return loss
        weights = [self.discount**left for left in reversed(range(len(self._answers)))]
        losses = [self._criterion(answer, self.mb_y) for answer in self._answers]
        total: Tensor = torch.stack([w * loss for w, loss in zip(weights, losses, strict=True)]).sum() / sum(weights)
        return total

    def _after_training_iteration(self, **kwargs: Any) -> None:
        self._answers = []  # they hold the step's graph
        super()._after_training_iteration(**kwargs)

    def _allowed(self, x: Tensor, task: Tensor | int) -> Tensor | None:
        return self.model.allowed(x, task) if isinstance(self.model, TaskModulatedNetwork) else None

    # --- what it tells ---------------------------------------------------------------------------------------------

    def final_figures(self, batches: Iterable[LabelledBatch]) -> dict[str, float]:
        """What each iteration adds, and how many are made.

        Args:
            batches: the test data.

        Returns:
            ``accuracy_iteration_0`` (before any) to ``accuracy_iteration_N``, of all images without a stop, and
            ``mean_iterations`` an image with the stop.
        """
        right = torch.zeros(self.network.options.iterations + 1, dtype=torch.int64)
        made = images = 0
        for batch in batches:
            allowed = self._allowed(batch.x, batch.task)
            answers = torch.stack(self.network.unroll(batch.x, allowed)).argmax(2)  # (N + 1, B)
            right += (answers == batch.y).sum(1).cpu()
            made += int(self.network.settle(batch.x, allowed)[1].sum())
            images += len(batch.y)
        figures = {f"accuracy_iteration_{number}": int(count) / images for number, count in enumerate(right)}
        return {**figures, "mean_iterations": made / images}


def build_iwmn(context: StrategyContext, options: IwmnOptions) -> IterativeModulation:
    """Build an iterative weight modulation network.

    Args:
        context: the stream and the loop.
        options: validated options.

    Returns:
        The strategy.
    """
    model = build_network(context, options)
    decay = [LinearDecay(options.lr)] if options.decay else []
    return IterativeModulation(
        **context.loop() | {"plugins": [*decay, *context.plugins]},
        model=model,
        optimizer=build_optimizer(model, options),
        criterion=nn.CrossEntropyLoss(),
        discount=options.discount,
    )
