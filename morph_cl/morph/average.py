"""An exponential moving average of a network's weights, which evaluation uses instead of the live ones."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class WeightAverage(nn.Module):
    """The averaged weights, held as buffers: they are no parameters of the model that they belong to.

    Args:
        net: the network to follow.
        decay: share that the average keeps at each update, in [0, 1); less during the first updates.

    Source: Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", 1992.
    """

    updates: Tensor

    def __init__(self, net: nn.Module, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))
        for name, tensor in self._tensors(net).items():
            self.register_buffer(self._key(name), tensor.detach().clone())

    @staticmethod
    def _key(name: str) -> str:
        return name.replace(".", "/")  # a buffer's name must not hold a dot

    @staticmethod
    def _tensors(net: nn.Module) -> dict[str, Tensor]:
        return {**dict(net.named_parameters()), **dict(net.named_buffers())}

    @torch.no_grad()
    def update(self, net: nn.Module) -> None:
        """Follow the network by one step.

        Args:
            net: the network, after its step.
        """
        self.updates += 1
        count = int(self.updates)
        share = 1.0 - min(self.decay, (1 + count) / (10 + count))
        floats: tuple[list[Tensor], list[Tensor]] = ([], [])
        for name, tensor in self._tensors(net).items():
            mean = self._buffers[self._key(name)]
            assert mean is not None
            if tensor.is_floating_point():
                floats[0].append(mean)
                floats[1].append(tensor.detach())
            else:
                mean.copy_(tensor)
        torch._foreach_lerp_(floats[0], floats[1], share)

    @torch.no_grad()
    def give(self, net: nn.Module) -> None:
        """Give the averaged weights to the network itself.

        Args:
            net: the network that was followed.
        """
        for name, tensor in self._tensors(net).items():
            mean = self._buffers[self._key(name)]
            assert mean is not None
            tensor.copy_(mean)

    def forward(self, net: nn.Module, *inputs: Tensor) -> Tensor:
        """What the network answers to its inputs with the averaged weights."""
        weights = {name: self._buffers[self._key(name)] for name in self._tensors(net)}
        answer: Tensor = torch.func.functional_call(net, weights, inputs)  # type: ignore[arg-type]
        return answer
