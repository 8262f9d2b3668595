"""What morph-cl asks of a strategy beyond Avalanche, as a mix-in before any Avalanche template.

::

    class Naive(TensorStrategy, SupervisedTemplate): ...

An Avalanche strategy without the mix-in runs too, only slower, and with its state encoded as far as
:mod:`morph_cl.bridge.state` knows its parts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from torch import Tensor

from morph_cl.bridge.callbacks import SparingCallbacks
from morph_cl.bridge.classifier import TaskMaskedClassifier
from morph_cl.bridge.dataset import view_of
from morph_cl.bridge.evaluation_loss import is_plain, mean_cross_entropy
from morph_cl.bridge.inspection import LabelledBatch
from morph_cl.bridge.loaders import TensorLoader, tensor_loader_like
from morph_cl.results.record import Event


class TensorStrategy(SparingCallbacks):
    """Feeds an Avalanche strategy with slices of whole tensors, and reports what it does.

    Class attributes:
        state_attributes: attributes of the strategy itself (not of model, optimizer or plugins) that a checkpoint
            holds and the count of bytes includes.
    """

    state_attributes: ClassVar[tuple[str, ...]] = ()

    # --- loaders ---------------------------------------------------------------------------------------------------

    def make_train_dataloader(self, shuffle: bool = True, drop_last: bool = False, **kwargs: Any) -> None:
        """Set the loader of the adapted training data."""
        strategy: Any = self
        view = view_of(strategy.adapted_dataset)
        if view is None:
            super().make_train_dataloader(shuffle=shuffle, drop_last=drop_last, **kwargs)  # type: ignore[misc]
            return
        strategy.dataloader = TensorLoader(
            view, strategy.train_mb_size, shuffle=shuffle, drop_last=drop_last, pin=_pins(strategy)
        )

    def make_eval_dataloader(self, **kwargs: Any) -> None:
        """Set the loader of the adapted evaluation data."""
        strategy: Any = self
        view = view_of(strategy.adapted_dataset)
        if view is None:
            super().make_eval_dataloader(**kwargs)  # type: ignore[misc]
            return
        strategy.dataloader = TensorLoader(view, strategy.eval_mb_size, shuffle=False, pin=_pins(strategy))

    def _before_training_exp(self, **kwargs: Any) -> None:
        """Let plugins set their loader first (Avalanche's replay does), then take its fast equivalent."""
        self._forget_listeners()
        super()._before_training_exp(**kwargs)  # type: ignore[misc]
        strategy: Any = self
        loader = tensor_loader_like(strategy.dataloader, pin=_pins(strategy))
        strategy.dataloader = loader or strategy.dataloader

    def _before_eval_exp(self, **kwargs: Any) -> None:
        self._forget_listeners()
        super()._before_eval_exp(**kwargs)  # type: ignore[misc]

    def criterion(self) -> Tensor:
        """The strategy's loss; a plain cross-entropy in evaluation is computed the fast way."""
        strategy: Any = self
        output = strategy.mb_output
        flat = isinstance(output, Tensor) and output.dim() == 2
        if flat and not strategy.is_training and is_plain(getattr(strategy, "_criterion", None)):
            return mean_cross_entropy(output, strategy.mb_y)
        loss: Tensor = super().criterion()  # type: ignore[misc]
        return loss

    # --- drifts ----------------------------------------------------------------------------------------------------

    def start_anew(self, fresh: Any) -> None:
        """Take over model and optimizer of a strategy just built: what a drift does under ``--on-drift reset``.

        Args:
            fresh: built as this one was, with other random weights.
        """
        start_anew(self, fresh)

    # --- what a strategy tells -------------------------------------------------------------------------------------

    @property
    def expert_count(self) -> int:
        """Experts in use; 1 for a monolith."""
        return 1

    def drain_events(self) -> list[Event]:
        """What the strategy did since the last call, oldest first.

        Asked between two training steps at the earliest: after each experience, and on a drifting stream in its midst.
        """
        return []

    @property
    def expert_names(self) -> tuple[str, ...]:
        """What reports call the experts, column by column; none of a monolith."""
        return ()

    def expert_weights(self, x: Tensor, task: int) -> Tensor | None:  # noqa: ARG002
        """How much each expert counts in the prediction of each image. No label reaches this.

        Args:
            x: (B, C, H, W) images.
            task: their task label.

        Returns:
            (B, E) in [0, 1], rows summing to 1, zero where an expert is not computed; None of a monolith.
        """
        return None

    def assigned_experts(self, y: Tensor) -> Tensor | None:  # noqa: ARG002
        """The expert that training meant for each label.

        Args:
            y: (B,) int64 classes.

        Returns:
            (B,) int64 columns of :meth:`expert_weights`, -1 where there is none; None where training assigns nothing.
        """
        return None

    def batch_expert_weights(self) -> Tensor | None:
        """Mean weight of each expert, (E,), in the training step just done; None where there is none."""
        return None

    def final_figures(self, batches: Iterable[LabelledBatch]) -> dict[str, float]:  # noqa: ARG002
        """What the strategy measures of itself on the test data once training is over.

        Args:
            batches: the test data of all experiences, in order; an iterator, to be read once.

        Returns:
            Figures by a name in snake case; they join ``metrics`` of the record. One in which a label chooses the
            expert is named ``oracle_...``.
        """
        return {}


def _pins(strategy: Any) -> bool:
    """Whether batches shall lie in pinned memory, from which a GPU fetches them while the program goes on."""
    return bool(strategy.device.type == "cuda")


def start_anew(strategy: Any, fresh: Any) -> None:
    """Take over the weights of a strategy just built and forget the optimizer's state; plugins keep theirs.

    Args:
        strategy: any Avalanche strategy, between two training steps.
        fresh: built as it was, with other random weights.
    """
    if hasattr(strategy, "load_state_dict"):
        strategy.load_state_dict(fresh.state_dict())
        return
    own, new = strategy.model, fresh.model
    if isinstance(own, TaskMaskedClassifier):  # which classes a task has is no knowledge of the weights
        own, new = own.network, new.network
    own.load_state_dict(new.state_dict())
    strategy.optimizer.state.clear()
