"""What morph-cl asks of a strategy beyond Avalanche, as a mix-in before any Avalanche template.

::

    class Naive(TensorStrategy, SupervisedTemplate): ...

An Avalanche strategy without the mix-in runs too, only slower, and with its state encoded as far as
:mod:`morph_cl.bridge.state` knows its parts.
"""

from __future__ import annotations

from typing import Any, ClassVar

from morph_cl.bridge.dataset import view_of
from morph_cl.bridge.loaders import TensorLoader, tensor_loader_like
from morph_cl.results.record import Event


class TensorStrategy:
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
        strategy.dataloader = TensorLoader(view, strategy.train_mb_size, shuffle=shuffle, drop_last=drop_last)

    def make_eval_dataloader(self, **kwargs: Any) -> None:
        """Set the loader of the adapted evaluation data."""
        strategy: Any = self
        view = view_of(strategy.adapted_dataset)
        if view is None:
            super().make_eval_dataloader(**kwargs)  # type: ignore[misc]
            return
        strategy.dataloader = TensorLoader(view, strategy.eval_mb_size, shuffle=False)

    def _before_training_exp(self, **kwargs: Any) -> None:
        """Let plugins set their loader first (Avalanche's replay does), then take its fast equivalent."""
        super()._before_training_exp(**kwargs)  # type: ignore[misc]
        strategy: Any = self
        strategy.dataloader = tensor_loader_like(strategy.dataloader) or strategy.dataloader

    # --- what a strategy tells -------------------------------------------------------------------------------------

    @property
    def expert_count(self) -> int:
        """Experts in use; 1 for a monolith."""
        return 1

    def drain_events(self) -> list[Event]:
        """What the strategy did since the last call, oldest first."""
        return []
