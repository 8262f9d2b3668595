"""Training in 16 bits where that is safe: automatic mixed precision for any strategy whose losses are sums of means.

Source: Micikevicius et al., Mixed Precision Training, ICLR 2018.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from morph_cl.errors import UsageError

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
"""The types by the names that ``--amp`` knows."""


class MixedPrecision:
    """A mix-in that :func:`use_mixed_precision` puts before a strategy's own class.

    Forward passes, the criterion and the losses that plugins add run under autocast; weights, the optimizer and the
    outputs that plugins read stay float32. In fp16 the loss is scaled so that small gradients do not vanish, and
    gradients are brought back to their size before any plugin sees them. A step whose gradients overflow is left out.
    """

    state_attributes: ClassVar[tuple[str, ...]] = ()
    _amp_type: torch.dtype
    _scaler: torch.amp.GradScaler

    @property
    def loss_scale(self) -> dict[str, Any]:
        """State of the scale of the loss, for checkpoints; empty in bf16, which needs none."""
        return self._scaler.state_dict()

    @loss_scale.setter
    def loss_scale(self, state: dict[str, Any]) -> None:
        if state:
            self._scaler.load_state_dict(state)

    def _autocast(self) -> torch.autocast:
        strategy: Any = self
        return torch.autocast(strategy.device.type, self._amp_type)

    def forward(self) -> Tensor:
        """The strategy's forward pass; its output is float32."""
        with self._autocast():
            output: Tensor = super().forward()  # type: ignore[misc]
        return output.float()

    def criterion(self) -> Tensor:
        """The strategy's loss."""
        with self._autocast():
            loss: Tensor = super().criterion()  # type: ignore[misc]
        return loss

    def _before_backward(self, **kwargs: Any) -> None:
        with self._autocast():  # plugins add losses here, some of them of forward passes of their own
            super()._before_backward(**kwargs)  # type: ignore[misc]

    def backward(self) -> None:
        """The backward pass; gradients have their true size afterwards."""
        strategy: Any = self
        self._scaler.scale(strategy.loss).backward(retain_graph=strategy.retain_graph)
        self._scaler.unscale_(strategy.optimizer)

    def optimizer_step(self) -> None:
        """The optimizer's step, unless gradients overflowed."""
        strategy: Any = self
        self._scaler.step(strategy.optimizer)
        self._scaler.update()


def use_mixed_precision(strategy: Any, kind: str) -> None:
    """Let a strategy train and predict in mixed precision from now on.

    Args:
        strategy: an Avalanche strategy, not yet trained.
        kind: ``bf16`` or ``fp16``.

    Raises:
        UsageError: the strategy's device has no autocast.
    """
    device = strategy.device.type
    if not torch.amp.is_autocast_available(device):
        raise UsageError(f"amp={kind} does not work on device {device!r}: torch has no autocast for it; leave it out.")
    own = type(strategy)
    names = (*getattr(own, "state_attributes", ()), "loss_scale")
    # Checkpoints and messages name the strategy's own class; whether it is mixed stands in the configuration.
    body = {"state_attributes": names, "__module__": own.__module__, "__qualname__": own.__qualname__}
    strategy.__class__ = type(own.__name__, (MixedPrecision, own), body)
    strategy._amp_type = DTYPES[kind]
    strategy._scaler = torch.amp.GradScaler(device, enabled=kind == "fp16")
